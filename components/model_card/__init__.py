"""ModelCardGen: describe a model, its training data and its quality."""
