"""One file per thing that is kept true. A reconciler takes no input: it looks, and starts actions."""
