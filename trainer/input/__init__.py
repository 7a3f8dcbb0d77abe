"""Read instances, order and batch them, and mask them in the graph."""
