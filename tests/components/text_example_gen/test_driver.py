"""The driver resolves spans as TFX does and fingerprints the content of the files."""

import os
from pathlib import Path
from typing import Any

import pytest
from tfx.components.example_gen import driver as tfx_driver
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.utils import proto_utils

from components.text_example_gen.component import TextExampleGen
from components.text_example_gen.driver import TextDriver
from components.text_settings import TextSettings
from core.errors import InputError


def put(folder: Path, **contents: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / f"{name}.txt").write_text(content, encoding="utf-8")
    return folder


def component(root: Path, *patterns: str, span: int | None = None) -> TextExampleGen:
    static = range_config_pb2.StaticRange(start_span_number=span or 0, end_span_number=span or 0)
    return TextExampleGen(
        input_base=str(root),
        patterns=patterns,
        text_settings=TextSettings().model_dump_json(),
        code_digest="code",
        range_config=None if span is None else range_config_pb2.RangeConfig(static_range=static),
    )


def resolve(
    root: Path, *patterns: str, span: int | None = None, driver: Any = TextDriver
) -> dict[str, Any]:
    """The exec properties after the driver has resolved them."""
    properties = dict(component(root, *patterns, span=span).exec_properties)
    return driver(None).resolve_exec_properties(properties, None, None)


def fingerprint(root: Path, *patterns: str) -> str:
    return resolve(root, *patterns)["input_fingerprint"]


def test_touching_and_copying_do_not_change_the_fingerprint(tmp_path: Path) -> None:
    corpus = put(tmp_path / "a", one="text one", two="text two")
    before = fingerprint(corpus, "*.txt")
    os.utime(corpus / "one.txt", (1, 1))
    assert fingerprint(corpus, "*.txt") == before
    assert fingerprint(put(tmp_path / "b", two="text two", one="text one"), "*.txt") == before


def test_a_file_whose_name_is_not_utf8_counts(tmp_path: Path) -> None:
    corpus = put(tmp_path, one="text one")
    before = fingerprint(corpus, "**")
    (corpus / os.fsdecode(b"two-\xff.txt")).write_text("text two", encoding="utf-8")
    assert fingerprint(corpus, "**") != before


def test_an_edit_that_keeps_size_and_time_changes_the_fingerprint(tmp_path: Path) -> None:
    corpus = put(tmp_path, one="text one")
    before, stock = (
        resolve(tmp_path, "*.txt", driver=d) for d in (TextDriver, tfx_driver.FileBasedDriver)
    )
    times = (corpus / "one.txt").stat()
    put(tmp_path, one="text two")
    os.utime(corpus / "one.txt", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert fingerprint(tmp_path, "*.txt") != before["input_fingerprint"]
    edited = resolve(tmp_path, "*.txt", driver=tfx_driver.FileBasedDriver)
    assert edited["input_fingerprint"] == stock["input_fingerprint"]  # the reason for our own


def test_swapping_or_renaming_files_changes_the_fingerprint(tmp_path: Path) -> None:
    first = fingerprint(put(tmp_path / "a", one="x", two="y"), "*")
    swapped = fingerprint(put(tmp_path / "b", one="y", two="x"), "*")
    renamed = fingerprint(put(tmp_path / "c", one="x", other="y"), "*")
    assert len({first, swapped, renamed}) == 3


def test_files_that_no_pattern_matches_do_not_count(tmp_path: Path) -> None:
    before = fingerprint(put(tmp_path, one="x"), "*.txt")
    (tmp_path / "README").write_text("new", encoding="utf-8")
    assert fingerprint(tmp_path, "*.txt") == before


def test_all_of_several_patterns_count(tmp_path: Path) -> None:
    put(tmp_path, one="x", two="y", three="z")
    both = fingerprint(tmp_path, "one.txt", "two.txt")
    assert both != fingerprint(tmp_path, "one.txt")
    assert both == fingerprint(tmp_path, "t[w]o.txt", "one.*")


@pytest.mark.parametrize(
    ("folders", "pattern", "span", "expected"),
    [
        (("week-1", "week-2", "week-10"), "week-{SPAN}/*.txt", None, (10, "week-10/*.txt")),
        (("week-1", "week-2", "week-10"), "week-{SPAN}/*.txt", 2, (2, "week-2/*.txt")),
        (("week-08", "week-09"), "week-{SPAN:2}/*", None, (9, "week-09/*")),
        (("1970-01-03", "1970-01-11"), "{YYYY}-{MM}-{DD}/*", None, (10, "1970-01-11/*")),
    ],
)
def test_spans_are_resolved_as_tfx_resolves_them(
    tmp_path: Path, folders: tuple[str, ...], pattern: str, span: int | None, expected: object
) -> None:
    for folder in folders:
        put(tmp_path / folder, text=f"text of {folder}")
    properties = resolve(tmp_path, pattern, span=span)
    config = example_gen_pb2.Input()
    proto_utils.json_to_proto(properties["input_config"], config)
    assert (properties["span"], config.splits[0].pattern) == expected
    stock = resolve(tmp_path, pattern, span=span, driver=tfx_driver.FileBasedDriver)
    assert (stock["span"], stock["input_config"]) == (
        properties["span"],
        properties["input_config"],
    )


def test_only_the_text_of_the_chosen_span_counts(tmp_path: Path) -> None:
    put(tmp_path / "week-1", text="old")
    put(tmp_path / "week-2", text="new")
    before = fingerprint(tmp_path, "week-{SPAN}/*.txt")
    put(tmp_path / "week-1", text="edited")
    assert fingerprint(tmp_path, "week-{SPAN}/*.txt") == before


def test_missing_spans_and_files_are_input_errors(tmp_path: Path) -> None:
    put(tmp_path / "week-x")
    with pytest.raises(InputError, match=r"No span matches 'week-\{SPAN\}/\*' in"):
        resolve(tmp_path, "week-{SPAN}/*")
    with pytest.raises(InputError, match=r"No span 7 matches"):
        resolve(tmp_path, "week-{SPAN}/*", span=7)
    for week in (9, 10, 11):
        put(tmp_path / f"week-{week}", text="new")
    with pytest.raises(InputError, match=r"; the spans are 9, 10, 11\. Give one of them"):
        resolve(tmp_path, "week-{SPAN}/*", span=7)
    with pytest.raises(InputError, match=r"; week-10/.*, for example, has no span there"):
        resolve(tmp_path, "week-{SPAN:3}/*")
    for day in ("2026-12-01", "2026-11-31"):
        put(tmp_path / day, text="new")
    with pytest.raises(InputError, match=r"; the spans are 20788 \(2026-12-01\)\. Give"):
        resolve(tmp_path, "{YYYY}-{MM}-{DD}/*", span=7)
    with pytest.raises(InputError, match=r"No file matches '\*\.txt' in"):
        resolve(tmp_path, "*.txt")
    with pytest.raises(InputError, match=r"cannot be used \(Exactly one of each date spec"):
        resolve(tmp_path, "{YYYY}/*")
    with pytest.raises(InputError, match="Span or Date spec should be specified"):
        resolve(tmp_path, "*", span=3)
