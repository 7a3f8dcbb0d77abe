"""Define the error for a spec that cannot be run."""

from core.errors import InputError


class SpecError(InputError):
    """A spec, parameter or mapping is not usable."""
