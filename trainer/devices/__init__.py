"""Choose devices, coordinate the workers that train together, and handle stop signals."""
