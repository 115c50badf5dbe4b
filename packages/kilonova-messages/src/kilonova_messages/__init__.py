"""What controller and agents say to each other. Start reading at ``subjects.py``, then ``steps.py``."""
