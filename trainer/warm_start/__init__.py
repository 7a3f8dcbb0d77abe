"""Start from the weights of another model."""
