"""ModelEvaluator: evaluate a model on held-out instances, and bless it if it is good enough."""
