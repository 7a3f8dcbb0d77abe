"""Tests of reading text files."""
