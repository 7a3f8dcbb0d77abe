"""Tests of one document: id, record and split."""
