"""Read and check a compiled pipeline spec."""
