"""Resources, requests and claims: the deciding, its store and its API."""
