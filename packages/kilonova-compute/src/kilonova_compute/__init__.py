"""The control plane: compute API, durable actions, cells."""
