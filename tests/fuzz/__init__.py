"""Coverage-guided fuzzing (`make fuzz`); failing inputs are kept in `cases`."""
