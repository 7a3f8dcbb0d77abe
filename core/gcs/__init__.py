"""Read and write objects of Google Cloud Storage."""
