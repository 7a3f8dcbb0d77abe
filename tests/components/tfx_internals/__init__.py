"""Tests of what Textmill uses of the internals of TFX, Beam and KFP."""
