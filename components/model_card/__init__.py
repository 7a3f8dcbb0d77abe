"""ModelCardGen: a model, its evaluation and its origin to a card in Hugging Face's form."""
