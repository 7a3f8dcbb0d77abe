"""Write ML Metadata, for the runners and the planner. No other folder of pipelines/ imports it."""
