"""Run a recipe on this machine, with TFX's launcher, our check of cached results, and a summary."""
