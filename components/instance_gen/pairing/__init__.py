"""Choose the text of each instance, pair its segments, and lay them out as padded inputs."""
