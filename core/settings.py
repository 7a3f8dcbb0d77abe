"""Define the base of all settings."""

from pydantic import BaseModel, ConfigDict

LATEST_BLESSED = "latest_blessed"  # instead of a folder: the pipeline finds the model


class Settings(BaseModel):
    """Base of all settings: strict types, no unknown keys, immutable once validated.

    The string below a field is its description, from which the settings reference is generated.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )
