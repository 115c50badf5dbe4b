"""The identity API on the wire: decode, ask ``app``, encode."""
