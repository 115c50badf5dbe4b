"""The bodies of requests and answers, in their newest shape, with ``since`` and ``until`` marks."""
