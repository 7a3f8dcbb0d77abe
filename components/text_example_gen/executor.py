"""Run TextExampleGen: unpack the artifacts and settings and write the documents."""

import functools
from typing import Any

from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.utils import proto_utils

from components.artifacts import Artifacts
from components.beam_work import map_units
from components.text_example_gen.check_corpus import TextSource
from components.text_example_gen.driver import resolve_text
from components.text_example_gen.reading.find_files import split_patterns
from components.text_example_gen.splits import SPLITS
from components.text_example_gen.write_documents import write_documents
from components.text_settings import TextSettings
from components.tfx_internals.beam_executor import BeamExecutor, describe_examples
from core import storage
from core.temporary import SCRATCH


class TextExampleGenExecutor(BeamExecutor):
    """Writes the documents of a corpus."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Read the text and write shards and manifest.

        Args:
            input_dict: empty.
            output_dict: `examples`, one Examples artifact.
            exec_properties: `input_base`, `input_config` with the span filled in, `span`,
                `text_settings`, `held_out_texts` (optional), `code_digest`, and
                `input_fingerprint` if our own driver ran. Kubeflow Pipelines runs no driver, so the
                executor resolves the span itself.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        if "input_fingerprint" not in exec_properties:
            exec_properties = resolve_text(exec_properties)
        examples = artifact_utils.get_single_instance(output_dict["examples"])
        source = _text_source(exec_properties)
        settings = TextSettings.model_validate_json(exec_properties["text_settings"])
        try:
            write_documents(
                source,
                settings,
                examples.uri,
                exec_properties["code_digest"],
                functools.partial(map_units, self.make_pipeline, label="TextExampleGen"),
                held_out=exec_properties.get("held_out_texts") or "",
            )
        finally:
            storage.remove_tree(storage.join(examples.uri, SCRATCH))
        describe_examples(examples, SPLITS)


def _text_source(exec_properties: dict[str, Any]) -> TextSource:
    config = example_gen_pb2.Input()
    proto_utils.json_to_proto(exec_properties["input_config"], config)
    return TextSource(
        root=exec_properties["input_base"],
        patterns={split.name: split_patterns(split.pattern) for split in config.splits},
        fingerprint=exec_properties.get("input_fingerprint") or "",
        span=int(exec_properties.get("span") or 0),
    )
