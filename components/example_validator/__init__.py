"""ExampleValidator: TFX's validation, and a run that stops on what would spoil training."""
