"""The typed, frozen structures that go into a driver and come out of it."""
