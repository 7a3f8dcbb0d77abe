"""Import a vocabulary that `transformers` wrote."""
