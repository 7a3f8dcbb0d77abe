"""The driver of TextExampleGen: TFX's spans, and a fingerprint of the files' content."""

from collections.abc import Iterable
from typing import Any

from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.types import standard_component_specs
from tfx.utils import proto_utils

from components.text_example_gen.errors import CorpusError, shown
from components.text_example_gen.reading.find_files import find_files, split_patterns
from components.text_example_gen.reading.fingerprint import fingerprint
from components.tfx_internals.example_gen_driver import (
    FileBasedDriver,
    FileBasedInputProcessor,
    InputProcessor,
)

NEWEST = "newest"  # text_span's word for the latest span that there is


class TextInputProcessor(FileBasedInputProcessor):
    """Resolves spans as TFX does, and reads the files for their fingerprint.

    TFX's own fingerprint is of sizes and of times in seconds: a copy breaks the cache, and an
    edit that keeps both is not seen (tfx/utils/io_utils.py, `generate_fingerprint`).
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
                f"The pattern {' '.join(self._joined)!r} cannot be used ({error}). A span is "
                f"{{SPAN}}, or {{YYYY}}, {{MM}} and {{DD}}, each once."
            ) from error

    def resolve_span_and_version(self) -> tuple[int, int | None]:
        """The latest span, or that of the range config, and its latest version.

        Text without spans has span 0. TFX would list all files for a fingerprint that is not
        used, and fail at a name that is not UTF-8.
        """
        if not any("{" in joined for joined in self._joined):
            return 0, None
        try:
            return super().resolve_span_and_version()
        except ValueError as error:
            raise CorpusError(
                f"No span matches {' '.join(self._joined)!r} in {shown(self._root)} ({error}). "
                f"Check the folder and the pattern; {{SPAN:2}} is for numbers of two digits."
            ) from error

    def get_input_fingerprint(self, span: int, version: int | None) -> str:
        """The digest of the content of the span's files."""
        joined = [self.get_pattern_for_span_version(x, span, version) for x in self._joined]
        patterns = [pattern for several in joined for pattern in split_patterns(several)]
        return fingerprint(find_files(self._root, patterns))


class TextDriver(FileBasedDriver):
    """FileBasedExampleGen's driver with our input processor."""

    def get_input_processor(
        self,
        splits: Iterable[example_gen_pb2.Input.Split],
        range_config: range_config_pb2.RangeConfig | None = None,
        input_base_uri: str | None = None,
    ) -> InputProcessor:
        """Returns a TextInputProcessor."""
        if input_base_uri is None:
            raise CorpusError("No folder says where the text is. Set input_base.")
        return TextInputProcessor(input_base_uri, splits, range_config)

    def resolve_exec_properties(
        self, exec_properties: dict[str, Any], pipeline_info: Any, component_info: Any
    ) -> dict[str, Any]:
        """Fills in span, pattern and fingerprint; `text_span` chooses where there is no runner to.

        Raises:
            CorpusError: no such span, or no text.
        """
        if wanted := exec_properties.get("text_span"):
            config = proto_utils.proto_to_json(_range_of(wanted)) if wanted != NEWEST else None
            exec_properties[standard_component_specs.RANGE_CONFIG_KEY] = config
        resolved: dict[str, Any] = super().resolve_exec_properties(
            exec_properties, pipeline_info, component_info
        )
        return resolved


def resolve_text(exec_properties: dict[str, Any]) -> dict[str, Any]:
    """What the driver fills in (`span`, `input_fingerprint` …), where TFX runs none.

    Raises:
        CorpusError: no such span, or no text.
    """
    return TextDriver(None).resolve_exec_properties(dict(exec_properties), None, None)


def _range_of(wanted: str) -> range_config_pb2.RangeConfig:
    if not (wanted.isascii() and wanted.isdigit()):
        raise CorpusError(
            f"The span {shown(wanted)!r} is neither a number nor {NEWEST!r}. Give one of them."
        )
    number = int(wanted)
    return range_config_pb2.RangeConfig(
        static_range=range_config_pb2.StaticRange(start_span_number=number, end_span_number=number)
    )
