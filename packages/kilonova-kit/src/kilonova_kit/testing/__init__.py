"""Tools for the tests of every package: real servers that a test starts, on free ports, and ends."""
