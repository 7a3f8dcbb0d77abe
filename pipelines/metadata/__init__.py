"""Read and interpret the records in ML Metadata, for every runner and reviewer."""
