"""Read text files: find and hash them, decode lines, split sentences, group documents."""
