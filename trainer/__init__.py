"""The trainer: instances to a trained, exported encoder. Imports neither TFX nor Beam."""
