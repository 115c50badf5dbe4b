"""The image API on the wire: decode, ask app, encode."""
