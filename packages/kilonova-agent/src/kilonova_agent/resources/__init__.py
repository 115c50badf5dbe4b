"""What of this host is given to guests, and which of it each guest has."""
