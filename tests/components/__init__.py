"""Tests of the TFX components, one folder or file per component."""
