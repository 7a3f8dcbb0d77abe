"""Load and check vocabularies: WordPiece and SentencePiece unigram."""
