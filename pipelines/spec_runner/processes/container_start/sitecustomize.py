"""Redirect Google's training client, in every Python process of a container's command."""

from components.tfx_internals.training_endpoint import redirect

redirect()
