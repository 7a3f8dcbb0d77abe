"""Tests of reading ML Metadata and of deciding what may be reused."""
