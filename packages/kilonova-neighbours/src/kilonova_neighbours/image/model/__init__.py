"""Plain types of the image service and the rules that need nothing but them."""
