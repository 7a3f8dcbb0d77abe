"""Patterns find the right files, and links and special files are refused."""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.text_example_gen.reading.find_files import find_files, join_patterns, split_patterns
from components.text_example_gen.reading.fingerprint import fingerprint
from core.errors import InputError


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    for name in ("b.txt", "a.txt", "notes.md", "more/c.txt", "more/deep/d.txt.gz", ".hidden.txt"):
        path = tmp_path / "corpus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text\n", encoding="utf-8")
    return tmp_path / "corpus"


def names(root: Path, *patterns: str) -> list[str]:
    return [file.name for file in find_files(str(root), patterns)]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.txt", ["a.txt", "b.txt"]),
        ("[ab].txt", ["a.txt", "b.txt"]),
        ("*/*.txt", ["more/c.txt"]),
        ("**/*.txt", ["a.txt", "b.txt", "more/c.txt"]),
        ("more", ["more/c.txt", "more/deep/d.txt.gz"]),
        ("./more/", ["more/c.txt", "more/deep/d.txt.gz"]),
        ("**", ["a.txt", "b.txt", "more/c.txt", "more/deep/d.txt.gz", "notes.md"]),
        ("**/deep/*", ["more/deep/d.txt.gz"]),
        (".hidden.txt", [".hidden.txt"]),
        ("*", ["a.txt", "b.txt", "notes.md"]),
    ],
)
def test_a_pattern_means_these_files(corpus: Path, pattern: str, expected: list[str]) -> None:
    assert names(corpus, pattern) == expected


def test_a_file_that_two_patterns_match_is_read_once(corpus: Path) -> None:
    assert names(corpus, "*.txt", "a.*") == ["a.txt", "b.txt"]


def test_a_name_with_wildcards_or_a_comma_can_be_given_literally(corpus: Path) -> None:
    (corpus / "x[1].txt").touch()
    (corpus / "one, two.txt").touch()
    patterns = split_patterns(join_patterns(["x[1].txt", "one, two.txt"]))
    assert names(corpus, *patterns) == ["one, two.txt", "x[1].txt"]


def test_a_pattern_with_a_span_must_be_the_only_one() -> None:
    with pytest.raises(InputError, match="several patterns and one contains a span"):
        join_patterns(["span-{SPAN}/*", "*.txt"])
    with pytest.raises(InputError, match="No pattern says"):
        join_patterns([])


def test_no_match_names_the_glob_and_the_folder(corpus: Path) -> None:
    with pytest.raises(InputError, match=rf"No file matches '\*.csv' or 'x/\*' in {corpus}"):
        names(corpus, "*.csv", "x/*")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: no such folder"):
        names(tmp_path / "nowhere", "*")


@pytest.mark.parametrize("pattern", ["../*.txt", "more/../../*", "/etc/passwd", "", "gs://b/*"])
def test_a_pattern_never_leads_out_of_the_folder(corpus: Path, pattern: str) -> None:
    with pytest.raises(InputError, match="leads out of"):
        names(corpus, pattern)


def test_a_file_that_disappears_after_it_was_listed_is_named(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = find_files(str(corpus), ["*.txt"])
    (corpus / "b.txt").unlink()
    with pytest.raises(InputError, match=r"b\.txt: the file is gone\. Run again"):
        fingerprint(files)
    scan = os.scandir

    @contextlib.contextmanager
    def scan_then_remove(folder: str) -> Iterator[list[os.DirEntry[str]]]:
        with scan(folder) as entries:
            listed = list(entries)
        (corpus / "a.txt").unlink(missing_ok=True)
        yield listed

    monkeypatch.setattr(os, "scandir", scan_then_remove)
    with pytest.raises(InputError, match=r"a\.txt: the file is gone\. Run again"):
        names(corpus, "*.txt")


def test_a_link_out_of_the_folder_is_refused(corpus: Path) -> None:
    outside = corpus.parent / "secret.txt"
    outside.write_text("secret\n", encoding="utf-8")
    (corpus / "z.txt").symlink_to(outside)
    with pytest.raises(InputError, match=r"z\.txt: the link leads out of .*secret\.txt"):
        names(corpus, "*.txt")


def test_a_link_to_a_folder_outside_is_refused_by_name_and_ignored_by_wildcards(
    corpus: Path,
) -> None:
    outside = corpus.parent / "outside"
    outside.mkdir()
    (outside / "s.txt").touch()
    (corpus / "linked").symlink_to(outside)
    assert "linked/s.txt" not in names(corpus, "**")
    with pytest.raises(InputError, match="leads out of"):
        names(corpus, "linked/*.txt")


def test_loops_of_links_are_not_followed(corpus: Path) -> None:
    (corpus / "more" / "again").symlink_to(corpus)
    assert names(corpus, "**/*.txt") == ["a.txt", "b.txt", "more/c.txt"]
    (corpus / "loop.txt").symlink_to(corpus / "loop.txt")
    with pytest.raises(InputError, match=r"loop\.txt: the link leads nowhere"):
        names(corpus, "*.txt")


def test_pipes_and_sockets_are_refused_without_blocking(corpus: Path) -> None:
    os.mkfifo(corpus / "pipe.txt")
    with pytest.raises(InputError, match=r"pipe\.txt: not a regular file"):
        names(corpus, "*.txt")
    (corpus / "pipe.txt").unlink()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(corpus / "s.txt"))
        with pytest.raises(InputError, match=r"s\.txt: not a regular file"):
            names(corpus, "*.txt")


def test_a_folder_with_the_name_of_a_text_file_is_ignored(corpus: Path) -> None:
    (corpus / "c.txt").mkdir()
    assert names(corpus, "*.txt") == ["a.txt", "b.txt"]


def test_hostile_names_are_found_and_printed_escaped(corpus: Path) -> None:
    for name in (b"line\nbreak.txt", "bidi\u202e.txt".encode(), b"not-utf8-\xff.txt"):
        (corpus / os.fsdecode(name)).touch()
    assert len(names(corpus, "*.txt")) == 5
    (corpus / os.fsdecode(b"bad\n\xff.txt")).symlink_to("/nowhere")
    with pytest.raises(InputError, match=r"bad\\n\\udcff\.txt: the link leads nowhere"):
        names(corpus, "*.txt")
