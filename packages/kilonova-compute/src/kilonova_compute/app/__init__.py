"""What may be asked: checks, then a record or an action. One file per resource; knows no version number."""
