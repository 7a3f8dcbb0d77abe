"""RunRecord: how a run on Vertex AI ended, as a file beside its artifacts."""
