"""The encoders: parameters under Hugging Face's names, and the functions that use them."""
