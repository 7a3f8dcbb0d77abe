"""Define every setting of masking, model and training, with its unit, default and source."""
