"""Run by every Python of a container's command: points Google's training client to this machine."""

from components.tfx_internals.training_endpoint import redirect

redirect()
