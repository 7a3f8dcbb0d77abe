"""Build tokenizers and write the files of a vocabulary."""
