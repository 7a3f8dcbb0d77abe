"""Look at the text that a run on Vertex AI would read: it is there, and it is text."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from components.text_example_gen.reading.find_files import (
    join_patterns,
    match_names,
    split_patterns,
)
from components.text_example_gen.reading.spans import TOKEN, find_numbers
from core.errors import InputError
from core.format_numbers import format_count
from pipelines.compiled_spec.parameters import text_patterns, text_settings
from pipelines.vertex.runs.template import Template

if TYPE_CHECKING:
    from components.text_settings import TextSettings
    from pipelines.cloud.client import Cloud

MAX_PAGES = 20  # of a thousand names each
Sizes = Mapping[str, int]  # bytes of each file, by its name below the text's folder


class NoTextError(InputError):
    """There is no file of the given name, or it is not text."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(f"{message}. {remedy}" if remedy else message)
        self.message = message
        self.remedy = remedy


@dataclass(frozen=True, kw_only=True)
class SpecText:
    """The text that a run would read."""

    root: str  # gs:// folder
    patterns: Mapping[str, str]  # comma-separated globs below it, by the name of the source
    span: str | None  # None is the newest
    settings: "TextSettings"


@dataclass(frozen=True, kw_only=True)
class FoundText:
    """The files that a run would read now."""

    sizes: Sizes
    span: str  # for example "12"; empty if no pattern has a span
    is_complete: bool  # False: there are more files than were listed


def read_spec_text(template: Template, get_value: Callable[[str], Any]) -> SpecText | None:
    """Return the text that a spec reads with given parameters; None if they name none."""
    root = get_value("text_root")
    if not root:
        return None
    return SpecText(
        root=str(root).rstrip("/"),
        patterns=text_patterns(template.spec, str(get_value("text_pattern") or "")),
        span=get_value("span"),
        settings=text_settings(template.spec),
    )


def find_text(cloud: "Cloud", text: SpecText) -> FoundText:
    """List the text, and read the beginnings of a few of its files.

    Raises:
        NoTextError: a source has no file, or a file is not text.
        VertexError: the text cannot be listed or read.
    """
    from components.text_example_gen.reading.check_text import explain_blank

    names, is_complete = _list_files(cloud, text.root)
    sizes: dict[str, int] = {}
    spans: set[str] = set()
    for source, pattern in text.patterns.items():
        with _as_no_text():
            join_patterns(split_patterns(pattern))  # a span stands alone
            of_source, span = select_files(names, pattern, text.span)
        if not of_source and is_complete:
            raise _explain_missing(text.root, pattern, len(names))
        _check_heads(cloud, text, source, [name for name, size in of_source.items() if size])
        spans |= {span} - {""}
        sizes |= of_source
    if is_complete and not any(sizes.values()):
        raise NoTextError(explain_blank(text.root, len(sizes)))
    if is_complete and len(spans) > 1:
        message = f"the newest spans of the sources differ: {', '.join(sorted(spans))}"
        raise NoTextError(message, "Upload what is missing, or pass --param span=NUMBER.")
    return FoundText(sizes=sizes, span=max(spans, default=""), is_complete=is_complete)


def _check_heads(cloud: "Cloud", text: SpecText, source: str, names: Sequence[str]) -> None:
    """Refuse a source of which a file is not text; none of the files is empty."""
    from components.text_example_gen.reading.check_text import HEAD_BYTES, check_head, choose_files

    for name in choose_files(names, len(text.patterns)) if names else ():
        path = f"{text.root}/{name}"
        head = cloud.read_beginning("read the text", *split_uri(path), HEAD_BYTES)
        with _as_no_text():
            check_head(head, path, text.settings.for_source(source))


@contextlib.contextmanager
def _as_no_text() -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise NoTextError(str(error)) from error


def _explain_missing(root: str, pattern: str, others: int) -> NoTextError:
    where = f"{root}/{pattern}" if pattern else root
    beside = f"; {format_count(others, 'other file', 'other files')} in the folder" * bool(others)
    remedy = "Check text_root and text_pattern, or the path in text.sources."
    return NoTextError(f"no file matches {where}{beside}", remedy)


def split_uri(uri: str) -> tuple[str, str]:
    """Split a gs:// URI into bucket and folder."""
    bucket, _, folder = uri.removeprefix("gs://").partition("/")
    return bucket, folder.strip("/")


def select_files(sizes: Sizes, pattern: str, span: str | None) -> tuple[dict[str, int], str]:
    """Select the files that a run would read: those of the newest span, or of the given one.

    Args:
        sizes: bytes by name, relative to the text's folder.
        pattern: comma-separated globs, or one with {SPAN}, or {YYYY}, {MM} and {DD}.
        span: a number; None or "newest" selects the newest.

    Returns:
        Bytes by name of the selected files, and their span (empty if the pattern has none).
    """
    by_span: dict[tuple[int, ...], set[str]] = {}  # patterns without tokens, by the span
    for part in split_patterns(pattern or "**"):
        if not TOKEN.search(part):
            by_span.setdefault((), set()).add(part)
        for numbers in find_numbers(sizes, part):
            filled = iter(numbers)
            literal = TOKEN.sub(lambda _: next(filled), part)  # noqa: B023 - called at once
            by_span.setdefault(tuple(map(int, numbers)), set()).add(literal)
    for key in sorted(by_span, reverse=True):
        is_wanted = not (span and span.isdigit()) or key[:1] in {(), (int(span),)}
        if is_wanted and (names := match_names(sizes, sorted(by_span[key]))):
            return {name: sizes[name] for name in names}, "-".join(map(str, key))
    return {}, ""


def _list_files(cloud: "Cloud", root: str) -> tuple[dict[str, int], bool]:
    """List the bytes by name below a gs:// folder, and whether the list is complete."""
    bucket, folder = split_uri(root)
    prefix = f"{folder}/" if folder else ""
    sizes: dict[str, int] = {}
    pages = cloud.list_pages(
        "list the text",
        "storage",
        f"/storage/v1/b/{quote(bucket)}/o",
        "items",
        query=[
            ("prefix", prefix),
            ("fields", "items(name,size),nextPageToken"),
            ("maxResults", "1000"),
        ],
    )
    for number, page in enumerate(pages):
        if number == MAX_PAGES:
            return sizes, False
        for item in page:
            if not item["name"].endswith("/"):
                sizes[item["name"].removeprefix(prefix)] = int(item.get("size", 0))
    return sizes, True
