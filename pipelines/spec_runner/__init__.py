"""Run a compiled Kubeflow pipeline spec on this machine, without Docker or a cloud."""
