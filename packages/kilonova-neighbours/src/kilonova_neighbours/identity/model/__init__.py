"""Plain types of the identity service; imports nothing of ours."""
