"""Tests of tracing, comparing, verifying and exporting runs."""
