"""TextExampleGen: text files to documents."""
