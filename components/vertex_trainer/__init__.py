"""VertexTrainer: train in a custom job on Vertex AI, with values given at submission."""
