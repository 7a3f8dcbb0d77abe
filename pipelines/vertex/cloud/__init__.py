"""Talk to Vertex AI: clients, targets, links, and errors as sentences."""
