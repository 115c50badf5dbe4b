"""What a guest may read about itself: the metadata service, and the documents that it and the config drive share."""
