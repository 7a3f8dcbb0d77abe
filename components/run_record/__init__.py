"""RunRecord: write how a run on Vertex AI ended to a file next to its artifacts."""
