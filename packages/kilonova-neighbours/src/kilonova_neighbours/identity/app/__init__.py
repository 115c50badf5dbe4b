"""What may be asked: the rules of the identity API, without HTTP and without SQL."""
