"""A cloud on this machine: its folder, its processes, and the controller put together."""
