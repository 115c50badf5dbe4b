"""Plain types and state machines of the control plane; imports nothing of ours."""
