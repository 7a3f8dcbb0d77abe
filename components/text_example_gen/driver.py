"""Resolve TFX's spans for TextExampleGen and fingerprint the files by their content."""

from collections.abc import Iterable
from typing import Any

from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.types import standard_component_specs
from tfx.utils import proto_utils

from components.text_example_gen.reading.errors import CorpusError, escape_path
from components.text_example_gen.reading.find_files import find_files, split_patterns
from components.text_example_gen.reading.fingerprint import fingerprint
from components.tfx_internals.example_gen_driver import (
    FileBasedDriver,
    FileBasedInputProcessor,
    InputProcessor,
)

NEWEST = "newest"  # the value of text_span for the latest span


class TextInputProcessor(FileBasedInputProcessor):
    """Resolves spans as TFX does and fingerprints the files by their content.

    TFX's own fingerprint uses sizes and times in seconds: a copy of the text misses the cache, and
    an edit that changes neither is not noticed (tfx/utils/io_utils.py, `generate_fingerprint`).
    """

    def __init__(
        self,
        input_base_uri: str,
        splits: Iterable[example_gen_pb2.Input.Split],
        range_config: range_config_pb2.RangeConfig | None = None,
    ) -> None:
        self._root = input_base_uri
        self._joined = [split.pattern for split in splits]
        try:
            super().__init__(input_base_uri, splits, range_config)
        except ValueError as error:
            raise CorpusError(
                f"The pattern {' '.join(self._joined)!r} cannot be used ({error}). Write a span as "
                f"{{SPAN}}, or as {{YYYY}}, {{MM}} and {{DD}}, each once."
            ) from error

    def resolve_span_and_version(self) -> tuple[int, int | None]:
        """Return the latest span, or the one in the range config, and its latest version.

        Text without spans has span 0. For such text TFX would list all files for a fingerprint
        that we do not use, and fail at a name that is not UTF-8.
        """
        if not any("{" in joined for joined in self._joined):
            return 0, None
        try:
            return super().resolve_span_and_version()
        except ValueError as error:
            raise CorpusError(
                f"No span matches {' '.join(self._joined)!r} in {escape_path(self._root)} "
                f"({error}). Check the folder and the pattern; {{SPAN:2}} matches numbers of two "
                f"digits."
            ) from error

    def get_input_fingerprint(self, span: int, version: int | None) -> str:
        """Return the digest of the content of the span's files."""
        joined = [self.get_pattern_for_span_version(x, span, version) for x in self._joined]
        patterns = [pattern for several in joined for pattern in split_patterns(several)]
        return fingerprint(find_files(self._root, patterns))


class TextDriver(FileBasedDriver):
    """Runs FileBasedExampleGen's driver with our own input processor."""

    def get_input_processor(
        self,
        splits: Iterable[example_gen_pb2.Input.Split],
        range_config: range_config_pb2.RangeConfig | None = None,
        input_base_uri: str | None = None,
    ) -> InputProcessor:
        """Return a TextInputProcessor."""
        if input_base_uri is None:
            raise CorpusError("TextExampleGen has no folder to read. Set input_base.")
        return TextInputProcessor(input_base_uri, splits, range_config)

    def resolve_exec_properties(
        self, exec_properties: dict[str, Any], pipeline_info: Any, component_info: Any
    ) -> dict[str, Any]:
        """Fill in span, pattern and fingerprint; `text_span`, if set, chooses the span.

        Raises:
            CorpusError: there is no such span, or no text.
        """
        if span := exec_properties.get("text_span"):
            config = proto_utils.proto_to_json(_range_config(span)) if span != NEWEST else None
            exec_properties[standard_component_specs.RANGE_CONFIG_KEY] = config
        resolved: dict[str, Any] = super().resolve_exec_properties(
            exec_properties, pipeline_info, component_info
        )
        return resolved


def resolve_text(exec_properties: dict[str, Any]) -> dict[str, Any]:
    """Return the properties with the driver's (`span`, `input_fingerprint` …), outside of TFX.

    Raises:
        CorpusError: there is no such span, or no text.
    """
    return TextDriver(None).resolve_exec_properties(dict(exec_properties), None, None)


def _range_config(span: str) -> range_config_pb2.RangeConfig:
    if not (span.isascii() and span.isdigit()):
        raise CorpusError(
            f"The span {escape_path(span)!r} is neither a number nor {NEWEST!r}. Give one of them."
        )
    number = int(span)
    return range_config_pb2.RangeConfig(
        static_range=range_config_pb2.StaticRange(start_span_number=number, end_span_number=number)
    )
