"""Choose masked positions and replace their tokens."""
