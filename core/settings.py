"""Base class of all settings: strict types, no unknown keys, immutable after validation."""

from pydantic import BaseModel, ConfigDict

LATEST_BLESSED = "latest_blessed"  # Stands for the folder of the newest blessed model.


class Settings(BaseModel):
    """Base class of all settings. The string below a field describes it: unit, default, source."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )
