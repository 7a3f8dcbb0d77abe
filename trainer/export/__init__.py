"""Export a trained model as a SavedModel with its tokenizer in the graph."""
