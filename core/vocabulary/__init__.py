"""Load, check and write vocabularies: WordPiece and unigram, as files and as tokenizers."""
