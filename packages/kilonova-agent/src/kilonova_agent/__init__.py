"""On each host: runs the host's steps, fetches images, wires the host network, reports."""
