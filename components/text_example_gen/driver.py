"""Resolve TFX's spans for TextExampleGen and fingerprint the files by their content."""

import contextlib
from collections.abc import Iterable
from typing import Any

from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.types import standard_component_specs
from tfx.utils import proto_utils

from components.text_example_gen.quality.language import check_languages
from components.text_example_gen.reading.errors import CorpusError, escape_path
from components.text_example_gen.reading.find_files import (
    CorpusFile,
    find_files,
    split_patterns,
)
from components.text_example_gen.reading.find_sources import find_sources
from components.text_example_gen.reading.fingerprint import fingerprint
from components.text_example_gen.reading.spans import TOKEN, find_spans
from components.text_settings import TextSettings
from components.tfx_internals.example_gen_driver import (
    FileBasedDriver,
    FileBasedInputProcessor,
    InputProcessor,
)
from core.errors import InputError

NEWEST = "newest"  # the value of text_span for the latest span
MAX_SPANS = 10  # that an error names
PADDED_WIDTHS = range(2, 6)  # of span numbers with zeros before them, to look for


class PaddedSpanError(InputError):
    """Report numbers with zeros before them, for which the pattern has no width."""


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
        self._joined = {split.name: split.pattern for split in splits}
        self._asked: int | None = None
        if range_config is not None and range_config.HasField("static_range"):
            self._asked = range_config.static_range.start_span_number
        try:
            super().__init__(input_base_uri, splits, range_config)
        except ValueError as error:
            raise CorpusError(
                f"The pattern {self._describe()!r} cannot be used ({error}). Write a span as "
                f" {{SPAN}}, or as {{YYYY}}, {{MM}} and {{DD}}, each once."
            ) from error

    def resolve_span_and_version(self) -> tuple[int, int | None]:
        """Return the latest span, or the one in the range config, and its latest version.

        Text without spans has span 0. For such text TFX would list all files for a fingerprint
        that we do not use, and fail at a name that is not UTF-8.
        """
        if not any("{" in joined for joined in self._joined.values()):
            return 0, None
        try:
            return super().resolve_span_and_version()
        except ValueError as error:
            if self._asked is not None:
                self._refuse_padded(self._asked, error)
            which = "span" if self._asked is None else f"span {self._asked}"
            raise CorpusError(
                f"No {which} matches {self._describe()!r} in {escape_path(self._root)}"
                f"{self._describe_others()}"
            ) from error

    def _describe_others(self) -> str:
        """Return the end of a sentence: the spans that exist, or a file that has none."""
        patterns = [p for joined in self._joined.values() for p in split_patterns(joined)]
        names = []
        with contextlib.suppress(CorpusError):  # no file has such a name
            names = [f.name for f in find_files(self._root, [TOKEN.sub("*", p) for p in patterns])]
        spans = [find_spans(names, pattern) for pattern in patterns]
        if common := sorted(set.intersection(*map(set, spans))):
            shown = ", ".join(spans[0][span] for span in common[-MAX_SPANS:])
            newest = "the newest spans are" if len(common) > MAX_SPANS else "the spans are"
            return f"; {newest} {shown}. Give one of them."
        other = f"; {escape_path(names[0])}, for example, has no span there" if names else ""
        return (
            f"{other}. Check the folder and the pattern; {{SPAN:2}} matches numbers of two digits."
        )

    def get_input_fingerprint(self, span: int, version: int | None) -> str:
        """Return the digest of the content of the span's files."""
        try:
            return fingerprint(self._find_files(self._joined, span, version))
        except CorpusError as error:
            self._refuse_padded(span, error)
            raise

    def _find_files(
        self, joined: dict[str, str], span: int, version: int | None
    ) -> list[CorpusFile]:
        patterns = {
            name: split_patterns(self.get_pattern_for_span_version(pattern, span, version))
            for name, pattern in joined.items()
        }
        return find_sources(self._root, patterns)

    def _describe(self) -> str:
        return " ".join(self._joined.values())

    def _refuse_padded(self, span: int, error: Exception) -> None:
        """Raise an error that names `{SPAN:2}` if it, or another width, finds the span's files."""
        for width in PADDED_WIDTHS:
            padded = {
                name: pattern.replace("{SPAN}", f"{{SPAN:{width}}}")
                for name, pattern in self._joined.items()
            }
            if padded == self._joined or len(str(span)) > width:
                continue
            with contextlib.suppress(CorpusError):
                name = self._find_files(padded, span, None)[0].name
                raise PaddedSpanError(
                    f"Span {span} is written with zeros before it ({escape_path(name)}). Write "
                    f"{{SPAN:{width}}} instead of {{SPAN}}."
                ) from error


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
            LanguageFilterError: the text is to be filtered by language, which is not possible here.
        """
        check_languages(TextSettings.model_validate_json(exec_properties["text_settings"]))
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
