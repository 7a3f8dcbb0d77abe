"""Tests of importing a vocabulary."""
