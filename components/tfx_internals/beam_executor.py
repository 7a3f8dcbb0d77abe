"""Give executors the Beam pipeline that TFX configures for them.

TFX makes it in the protected method `_make_beam_pipeline`, from the flags of the node.
"""

from typing import Any

from tfx.dsl.components.base import base_beam_executor


class BeamExecutor(base_beam_executor.BaseBeamExecutor):
    """A base for executors that use Beam."""

    def make_pipeline(self) -> Any:
        """Return a new Beam pipeline with the flags of this node."""
        return self._make_beam_pipeline()
