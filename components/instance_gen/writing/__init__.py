"""Encode instances as records, count them, and publish them with a manifest and a schema."""
