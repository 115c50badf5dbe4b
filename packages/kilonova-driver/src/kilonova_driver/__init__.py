"""The driver contract: what a driver must do, may do, and may raise. Start reading at ``driver.py``."""
