"""What controller and agents say to each other: types and subjects."""
