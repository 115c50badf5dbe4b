"""What reaches the wire: the URL table, attribute tables, lists and links. Asks app, never the store."""
