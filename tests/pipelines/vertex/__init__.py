"""Tests of what runs on Vertex AI."""
