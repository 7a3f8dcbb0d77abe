"""Whatever way a person names text, ExampleGen gets one folder and patterns under it."""

import os
from pathlib import Path

import pytest

from components.settings import TextSettings
from components.text_example_gen.reading.find_files import find_files
from core.errors import InputError
from pipelines.local.text_location import locate_and_check, locate_text


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    for name in ("a/one.txt", "a/two.txt.gz", "b/three.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x", encoding="utf-8")
    return tmp_path


def test_a_folder_stands_for_all_files_below_it(corpus: Path) -> None:
    location = locate_text([str(corpus)])
    assert (location.base, location.patterns) == (str(corpus), ("**",))


def test_a_file_stands_for_itself(corpus: Path) -> None:
    location = locate_text([str(corpus / "a/one.txt")])
    assert (location.base, location.patterns) == (str(corpus / "a"), ("one.txt",))


def test_a_glob_and_a_folder_share_their_common_folder(corpus: Path) -> None:
    location = locate_text([f"{corpus}/a/*.txt", str(corpus / "b")])
    assert (location.base, location.patterns) == (str(corpus), ("a/*.txt", "b/**"))


def test_spans_stay_in_the_pattern(corpus: Path) -> None:
    location = locate_text([f"{corpus}/week-{{SPAN}}/*.txt"])
    assert (location.base, location.patterns) == (str(corpus), ("week-{SPAN}/*.txt",))


def test_a_relative_path_starts_at_the_current_folder(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(corpus)
    assert locate_text(["a/*.txt"]).base == str(corpus / "a")


def test_an_existing_file_with_a_wildcard_in_its_name_is_that_file(corpus: Path) -> None:
    (corpus / "a" / "[one] what?.txt").write_text("x", encoding="utf-8")
    location = locate_text([str(corpus / "a" / "[one] what?.txt")])
    assert [file.name for file in find_files(location.base, location.patterns)] == [
        "[one] what?.txt"
    ]


def test_an_empty_name_does_not_mean_the_current_folder() -> None:
    """As of a shell's variable that is not set."""
    with pytest.raises(InputError, match=r"--text is empty\. Name a file"):
        locate_text([""])


def test_a_file_name_that_is_not_utf8_is_refused_but_read_as_part_of_its_folder(
    corpus: Path,
) -> None:
    file = corpus / "a" / os.fsdecode(b"bad-\xff.txt")
    file.write_text("x", encoding="utf-8")
    with pytest.raises(InputError, match=r"bad-\\udcff\.txt: the path is not valid UTF-8.*folder"):
        locate_text([str(file)])
    location = locate_text([str(corpus / "a")])
    assert file.name in {Path(f.path).name for f in find_files(location.base, location.patterns)}


@pytest.mark.parametrize("name", ["nothing.txt", "nowhere/*.txt", "a/*.md"])
def test_a_missing_path_is_named(corpus: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"Check the (path|folder)") as refused:
        locate_text([str(corpus / name)])
    assert name.partition("/")[2] in str(refused.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n \t\n", r": 1 file without a single sentence\. Give text that is not blank\."),
        ("Hello there.\n".encode("utf-16-le"), r"a\.txt:1: the file looks like UTF-16"),
        (b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00\x3e\x00" * 50, "this is not text"),
    ],
)
def test_text_that_no_run_can_read_is_refused_before_anything_is_loaded(
    content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(InputError, match=message):
        locate_and_check([str(tmp_path / "a.txt")], None, TextSettings())


def test_a_span_without_a_placeholder_is_refused(corpus: Path) -> None:
    with pytest.raises(InputError, match=r"--span 3: --text has no \{SPAN\}"):
        locate_and_check([str(corpus)], 3, TextSettings())


def test_a_device_or_pipe_is_no_text() -> None:
    with pytest.raises(InputError, match=r"/dev/null: neither a regular file nor a folder"):
        locate_text(["/dev/null"])
