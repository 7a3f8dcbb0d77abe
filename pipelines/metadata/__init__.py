"""Read and interpret the records in ML Metadata, for every way to run and review."""
