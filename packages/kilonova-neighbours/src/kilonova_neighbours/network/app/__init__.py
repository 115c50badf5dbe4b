"""What may be asked of the network service, and what it changes. Every function works inside one transaction."""
