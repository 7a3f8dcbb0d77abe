"""The InstanceImport component: the records of another system to training instances."""

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import Vocabulary
from components.instance_import import executor


class InstanceImportSpec(ComponentSpec):
    """What goes in and what comes out."""

    PARAMETERS = {
        "instance_settings": ExecutionParameter(type=str),
        "masking_settings": ExecutionParameter(type=str),
        "seed": ExecutionParameter(type=int),
        "records_digest": ExecutionParameter(type=str),
        "code_digest": ExecutionParameter(type=str),
    }
    INPUTS = {"vocabulary": ChannelParameter(type=Vocabulary)}
    OUTPUTS = {
        "instances": ChannelParameter(type=standard_artifacts.Examples),
        "schema": ChannelParameter(type=standard_artifacts.Schema),
    }


class InstanceImport(base_beam_component.BaseBeamComponent):
    """Reads instances as BERT's, ALBERT's, ELECTRA's or the Model Garden's scripts write them.

    It takes InstanceGen's place in a pipeline.

    Example:
    ```
      records = RecordsSettings(layout="bert", train="records/1*", eval="records/0*")
      instances = InstanceImport(
          vocabulary=vocabulary.outputs["vocabulary"],
          instance_settings=InstanceSettings(import_from=records).model_dump_json(),
          masking_settings=MaskingSettings().model_dump_json(),
          seed=12345,
          records_digest=records_digest(records),
          code_digest=code_digest("components.instance_import.executor"),
      )
    ```

    Component outputs contains:
     - `instances`: Channel of type `standard_artifacts.Examples`: tf.Examples in gzipped
       TFRecord shards, a shard for each file, with what InstanceGen puts beside the splits.
     - `schema`: Channel of type `standard_artifacts.Schema`, their exact schema.
    """

    SPEC_CLASS = InstanceImportSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        vocabulary: types.BaseChannel,
        instance_settings: str,
        masking_settings: str,
        seed: int,
        records_digest: str,
        code_digest: str,
    ) -> None:
        """Describes the step.

        Args:
            vocabulary: the one that the records were made with.
            instance_settings: `InstanceSettings` as JSON; `import_from` names the records, and
                `form`, `objective` and `seq_length` say what they are to be.
            masking_settings: `MaskingSettings` as JSON.
            seed: of the masks that are drawn where the records have none.
            records_digest: digest of the records, for TFX's cache key.
            code_digest: digest of the executor's code, for TFX's cache key.
        """
        spec = InstanceImportSpec(
            vocabulary=vocabulary,
            instance_settings=instance_settings,
            masking_settings=masking_settings,
            seed=seed,
            records_digest=records_digest,
            code_digest=code_digest,
            instances=types.Channel(type=standard_artifacts.Examples),
            schema=types.Channel(type=standard_artifacts.Schema),
        )
        super().__init__(spec=spec)
