"""All SQL of the control plane: functions of a transaction, one file per resource.

``tables.py`` says which tables are in the global database and which in every cell's.
"""
