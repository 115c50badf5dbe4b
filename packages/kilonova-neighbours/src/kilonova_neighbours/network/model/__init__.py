"""Plain data and pure rules of the network service: no database, no HTTP."""
