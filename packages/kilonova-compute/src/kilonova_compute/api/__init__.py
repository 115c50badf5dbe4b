"""The HTTP edge of compute: the URL table, the types of bodies, the versions."""
