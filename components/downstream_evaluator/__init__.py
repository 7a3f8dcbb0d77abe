"""DownstreamEvaluator: evaluate a trained model on labeled tasks."""
