"""Verify recorded digests and links, and find the folders that killed runs left behind."""
