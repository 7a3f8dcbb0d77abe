"""Tests of TextExampleGen."""
