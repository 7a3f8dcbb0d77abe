"""Tests of RunRecord."""
