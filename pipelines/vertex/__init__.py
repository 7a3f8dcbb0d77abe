"""The pipeline on Vertex AI: compiled, sent, scheduled and looked after."""
