"""What every group of settings shares: strict types, no unknown keys, no change after the check."""

from pydantic import BaseModel, ConfigDict

LATEST_BLESSED = "latest_blessed"  # in the place of a folder: the pipeline finds the model


class Settings(BaseModel):
    """Base of all settings: read once at the border, then passed on as values."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
