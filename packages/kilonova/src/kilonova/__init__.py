"""The command line; kilonova up composes the services into a cloud."""
