"""Tests of the exported SavedModel and the `transformers` folder."""
