"""Read and write models in the folder format of Hugging Face `transformers`."""
