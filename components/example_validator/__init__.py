"""ExampleValidator: TFX's validation, which stops the run on anomalies that spoil training."""
