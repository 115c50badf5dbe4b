"""What the compute API once did for images, networks and security groups, until 2.36: asked of the neighbours.

Old clients and tools still use it. The user's own token is passed on, so the neighbour says what the user may do.
"""
