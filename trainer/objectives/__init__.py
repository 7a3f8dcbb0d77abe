"""Define what is learned: losses and measures as sums with their denominators."""
