"""Define the models: parameters under Hugging Face's names, and the forward pass."""
