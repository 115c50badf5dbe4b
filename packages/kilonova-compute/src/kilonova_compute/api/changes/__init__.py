"""One module per microversion that changes a shape; its docstring is the public note."""
