"""List the machines that Vertex AI offers, with sizes and prices."""
