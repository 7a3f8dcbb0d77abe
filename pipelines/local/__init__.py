"""Run a recipe on this machine with TFX's local runner."""
