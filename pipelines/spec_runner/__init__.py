"""A compiled Kubeflow v2 spec to a finished run on this machine, without Docker and cloud."""
