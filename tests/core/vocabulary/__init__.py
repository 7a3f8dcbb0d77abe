"""Tests of loading vocabularies and of tokenizing with them."""
