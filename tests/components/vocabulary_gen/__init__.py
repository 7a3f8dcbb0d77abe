"""Tests of VocabularyGen."""
