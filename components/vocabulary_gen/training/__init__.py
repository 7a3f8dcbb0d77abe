"""Train a WordPiece or SentencePiece vocabulary on text."""
