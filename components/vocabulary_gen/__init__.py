"""VocabularyGen: train or import the vocabulary of a tokenizer."""
