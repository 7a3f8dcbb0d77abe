"""Define TextExampleGen, the component that turns text files into documents."""

from typing import ClassVar

from tfx.components import FileBasedExampleGen
from tfx.dsl.components.base import executor_spec
from tfx.orchestration.data_types import RuntimeParameter
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.types import component_spec, standard_artifacts, standard_component_specs
from tfx.types.channel_utils import as_channel

from components.text_example_gen.driver import TextDriver
from components.text_example_gen.executor import TextExampleGenExecutor
from components.text_example_gen.reading.find_files import join_patterns
from components.text_example_gen.reading.find_sources import Patterns, by_source
from components.text_example_gen.splits import SPLITS, count_split_buckets
from components.text_settings import TextSettings
from components.tfx_internals.component_init import SpecComponent

PARTITION_FEATURE = "document_id"


class TextExampleGenSpec(component_spec.ComponentSpec):
    """Add the text settings and a digest of the code to FileBasedExampleGen's interface."""

    PARAMETERS = {
        **standard_component_specs.FileBasedExampleGenSpec.PARAMETERS,
        "text_settings": component_spec.ExecutionParameter(type=str),
        "text_span": component_spec.ExecutionParameter(type=str, optional=True),
        "held_out_texts": component_spec.ExecutionParameter(type=str, optional=True),
        "code_digest": component_spec.ExecutionParameter(type=str),
    }
    INPUTS: ClassVar[dict[str, component_spec.ChannelParameter]] = {}
    OUTPUTS = standard_component_specs.FileBasedExampleGenSpec.OUTPUTS


class TextExampleGen(SpecComponent, FileBasedExampleGen):
    """Reads text files and writes documents of sentences in a train and an eval split.

    It is TFX's file-based ExampleGen and supports its spans, but its fingerprint depends on the
    files' content only, and no document is in two splits.

    Example:
        documents = TextExampleGen(
            input_base="corpus",
            patterns=["*.txt", "more/*.txt.gz"],
            text_settings=TextSettings().model_dump_json(),
            code_digest=code_digest("components.text_example_gen.executor"),
        )

    Outputs:
        examples: `standard_artifacts.Examples` with the splits train and eval: gzipped TFRecords
            of tf.Example with `document_id`, `sentences` and `source`.
    """

    SPEC_CLASS = TextExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(TextExampleGenExecutor)
    DRIVER_CLASS = TextDriver

    def __init__(
        self,
        *,
        input_base: str | RuntimeParameter,
        patterns: Patterns,
        text_settings: str,
        code_digest: str,
        range_config: range_config_pb2.RangeConfig | None = None,
        text_span: RuntimeParameter | None = None,
        held_out_texts: str | None = None,
    ) -> None:
        """Build the component.

        Args:
            input_base: the folder that contains all text.
            patterns: globs and folders in it (see `find_files`); for several sources, those of
                each by its name. If a source has a single pattern, it may contain TFX's `{SPAN}`,
                `{VERSION}`, or `{YYYY}`, `{MM}` and `{DD}`; write `{SPAN:2}` if the numbers are
                padded with zeros to two digits.
            text_settings: `TextSettings` as JSON.
            code_digest: digest of the executor's code, for the cache key.
            range_config: the span to read; None reads the latest.
            text_span: the span to read, if it is chosen when a run is submitted: a number, or
                "newest".
            held_out_texts: `HeldOutTexts` as JSON, which documents are compared with.
        """
        splits = [
            example_gen_pb2.Input.Split(name=name, pattern=join_patterns(globs))
            for name, globs in by_source(patterns).items()
        ]
        super().__init__(
            input_base=input_base,
            input_config=example_gen_pb2.Input(splits=splits),
            output_config=_output_config(TextSettings.model_validate_json(text_settings)),
            range_config=range_config,
            output_data_format=example_gen_pb2.FORMAT_TF_EXAMPLE,
            output_file_format=example_gen_pb2.FORMAT_TFRECORDS_GZIP,
            text_settings=text_settings,
            text_span=text_span,
            held_out_texts=held_out_texts,
            code_digest=code_digest,
            examples=as_channel([standard_artifacts.Examples()]),
        )


def _output_config(settings: TextSettings) -> example_gen_pb2.Output:
    """Return the splits in TFX's form: numbers of buckets of the hash of a document's id."""
    sizes = zip(SPLITS, count_split_buckets(settings.eval_fraction), strict=True)
    splits = [
        example_gen_pb2.SplitConfig.Split(name=name, hash_buckets=size) for name, size in sizes
    ]
    return example_gen_pb2.Output(
        split_config=example_gen_pb2.SplitConfig(
            splits=splits, partition_feature_name=PARTITION_FEATURE
        )
    )
