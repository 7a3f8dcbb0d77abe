"""The text: how much of it the run would take, and into how many shards it would be cut."""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from core.wording import plural
from pipelines.vertex.doctor.check import Check, Subject
from pipelines.vertex.doctor.storage import split_root

MOST_PAGES = 20  # of a thousand names each
MEGABYTE = 1_000_000
# A pattern's signs, as components/text_example_gen/reading/find_files.py and TFX's spans have them.
SIGNS = re.compile(r"(\{[A-Z]+(?::\d+)?\}|\*\*/?|\*|\?)")


def check_text(subject: Subject) -> Iterator[Check]:
    """Whether there is text where the run would look for it."""
    root, pattern = subject.text_root, subject.text_pattern
    if root is None:
        yield Check(
            "text", "warning", "no text is named", "Give --param text_root=gs://BUCKET/FOLDER."
        )
        return
    sizes, is_whole = _list(subject, root)
    taken, span = newest(sizes, pattern, subject.span)
    where = f"{root}/{pattern}" if pattern else root
    if not taken:
        beside = f"; there are {plural(len(sizes), 'file', 'files')} beside it" if sizes else ""
        yield Check(
            "text",
            "failed",
            f"nothing matches {where}{beside}",
            "Check text_root and text_pattern.",
        )
        return
    size = sum(taken.values())
    more = "" if is_whole else "more than "
    of_span = f" of span {span}" if span else ""
    shards = max(1, -(-size // _shard_bytes(subject)))
    yield Check(
        "text", "ok",
        f"{more}{plural(len(taken), 'file', 'files')}{of_span}, {size / MEGABYTE:,.0f} MB: about "
        f"{plural(shards, 'shard', 'shards')} to spread over workers",
    )  # fmt: skip


def newest(sizes: Mapping[str, int], pattern: str, span: str | None) -> tuple[dict[str, int], str]:
    """The files that a run would take: of the newest span, or of the one that is asked for.

    Args:
        sizes: bytes by name, relative to the text's folder.
        pattern: globs with commas between them; one may hold {SPAN}, or {YYYY}, {MM}, {DD}.
        span: a number, or None or "newest".

    Returns:
        The same for those files, and the span as text, empty if the pattern holds none.
    """
    expressions = [_expression(part) for part in pattern.split(",") if part] or [_expression("**")]
    found: dict[tuple[int, ...], dict[str, int]] = {}
    for name, size in sizes.items():
        for expression in expressions:
            if match := expression.fullmatch(name):
                key = tuple(int(number) for number in match.groups())
                found.setdefault(key, {})[name] = size
                break
    if span and span.isdigit():
        found = {key: files for key, files in found.items() if key[:1] in {(), (int(span),)}}
    if not found:
        return {}, ""
    last = max(found)
    return {**found.get((), {}), **found[last]}, "-".join(map(str, last))


def _expression(pattern: str) -> re.Pattern[str]:
    """A glob as a regular expression, a group for each part of a span."""
    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = [
        meaning.get(part) or (r"(\d+)" if part.startswith("{") else re.escape(part))
        for part in SIGNS.split(pattern)
    ]
    return re.compile("".join(parts) + "(?:/.*)?")  # a folder's name stands for all in it


def _shard_bytes(subject: Subject) -> int:
    """Text per shard: the recipe's, else the default."""
    from components.settings import TextSettings

    recipe = subject.template.recipe
    return (recipe.text if recipe else TextSettings()).shard_bytes


def _list(subject: Subject, root: str) -> tuple[dict[str, int], bool]:
    """Bytes by name of what lies under a gs:// folder, and whether that is all."""
    bucket, folder = split_root(root)
    prefix = f"{folder}/" if folder else ""
    sizes: dict[str, int] = {}
    token = ""
    for _ in range(MOST_PAGES):
        page = subject.cloud.ask(
            "list the text",
            "storage",
            f"/storage/v1/b/{quote(bucket)}/o",
            query=[
                ("prefix", prefix),
                ("fields", "items(name,size),nextPageToken"),
                ("maxResults", "1000"),
                *([("pageToken", token)] if token else []),
            ],
        )
        for item in page.get("items", ()):
            if not item["name"].endswith("/"):
                sizes[item["name"].removeprefix(prefix)] = int(item.get("size", 0))
        token = page.get("nextPageToken", "")
        if not token:
            return sizes, True
    return sizes, False
