"""Fuzzing by the code that inputs reach (`make fuzz`); found cases are kept under `cases`."""
