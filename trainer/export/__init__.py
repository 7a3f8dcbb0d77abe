"""Export a trained model as a SavedModel with its tokenizer, and for `transformers`."""
