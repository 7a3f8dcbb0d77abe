"""Define the commands that work with Vertex AI."""
