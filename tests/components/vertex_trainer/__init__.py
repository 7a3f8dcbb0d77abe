"""Tests of VertexTrainer."""
