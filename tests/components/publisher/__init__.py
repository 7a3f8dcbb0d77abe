"""Tests of publishing a model as a new version, whole or not at all."""
