"""Give executors the Beam pipeline that TFX configures for them.

TFX makes it in the protected method `_make_beam_pipeline`, from the flags of the node.
"""

from collections.abc import Sequence
from typing import Any

from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils


class BeamExecutor(base_beam_executor.BaseBeamExecutor):
    """A base for executors that use Beam."""

    def make_pipeline(self) -> Any:
        """Return a new Beam pipeline with the flags of this node."""
        return self._make_beam_pipeline()


def describe_examples(target: Any, splits: Sequence[str], *, is_gzipped: bool = True) -> None:
    """Set an artifact's splits and storage format as TFX's components do."""
    target.split_names = artifact_utils.encode_split_names(list(splits))
    examples_utils.set_payload_format(target, example_gen_pb2.FORMAT_TF_EXAMPLE)
    examples_utils.set_file_format(target, "tfrecords_gzip" if is_gzipped else "tfrecords")
