"""Check a vocabulary on real text."""
