"""ModelCard: what a model is, what it came from and how well it does."""
