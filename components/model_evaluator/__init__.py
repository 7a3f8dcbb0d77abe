"""ModelEvaluator: a model and held-out instances to metrics and a blessing."""
