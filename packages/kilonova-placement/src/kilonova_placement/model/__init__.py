"""Plain types of placement; they import nothing of ours."""
