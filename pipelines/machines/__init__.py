"""List the machines that Vertex AI rents out, with their sizes and prices."""
