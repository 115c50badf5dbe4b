"""HTTP edge, database, bus, logs and settings: what every Kilonova service stands on; knows no resource."""
