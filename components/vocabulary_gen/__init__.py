"""VocabularyGen: documents to a tokenizer."""
