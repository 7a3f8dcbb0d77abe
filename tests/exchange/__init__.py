"""Tests that TensorFlow versions read what the others wrote (make exchange)."""
