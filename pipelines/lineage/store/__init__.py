"""Read the lineage graph from ML Metadata, on disk or on Vertex AI."""
