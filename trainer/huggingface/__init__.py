"""Read and write folders of Hugging Face transformers."""
