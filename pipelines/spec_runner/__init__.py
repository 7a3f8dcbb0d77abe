"""Run a compiled Kubeflow pipeline spec on this machine, in containers or as processes."""
