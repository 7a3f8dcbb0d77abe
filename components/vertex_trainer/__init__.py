"""VertexTrainer: TFX's Vertex Trainer, with values that are given when a run is submitted."""
