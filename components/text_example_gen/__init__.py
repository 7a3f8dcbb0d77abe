"""TextExampleGen: turn text files into documents of sentences."""
