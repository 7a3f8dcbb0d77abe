"""Tests of reading other systems' records as instances."""
