"""Attributes of request bodies, one file per resource; unknown attributes are kept as ``extra``."""
