"""Tests of reading, ordering, batching and masking instances."""
