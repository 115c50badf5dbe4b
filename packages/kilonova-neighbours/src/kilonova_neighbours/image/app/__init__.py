"""What may be asked of images, and the work behind it."""
