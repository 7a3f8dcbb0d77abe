"""Verify recorded digests and links, and find what killed runs left behind."""
