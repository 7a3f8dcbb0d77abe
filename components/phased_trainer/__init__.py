"""PhasedTrainer: TFX's Trainer with instances of several lengths."""
