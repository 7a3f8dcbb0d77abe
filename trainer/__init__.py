"""The trainer: batches of instances to a trained, exported encoder. Imports neither TFX nor Beam."""
