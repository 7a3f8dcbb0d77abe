"""Whatever way a person names text, ExampleGen gets one folder and patterns under it."""

import gzip
import io
import json
import os
from pathlib import Path

import pytest

from components.text_example_gen.reading.find_files import find_files
from components.text_settings import TextSettings
from core.errors import InputError
from pipelines.local.standard_input import keep_standard_input, name_standard_input
from pipelines.local.text_location import locate_and_check, locate_recipe_text, locate_text


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
        (b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00\x3e\x00" * 50, "a program, not text"),
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


def with_sources(**paths: Path) -> TextSettings:
    sources = [{"name": name, "path": str(path)} for name, path in paths.items()]
    return TextSettings.model_validate_json(json.dumps({"sources": sources}))


def test_sources_share_their_common_folder(corpus: Path) -> None:
    location = locate_recipe_text(with_sources(one=corpus / "a", two=corpus / "b/three.txt"), [])
    assert location.base == str(corpus)
    assert location.by_source == {"one": ("a/**",), "two": ("b/three.txt",)}


def test_text_may_have_no_folder_in_common_but_the_root(corpus: Path) -> None:
    location = locate_text([str(corpus / "b"), "/etc/hostname"])
    assert location.base == "/"
    names = [file.name for file in find_files(location.base, location.patterns)]
    assert names == ["etc/hostname", str(corpus / "b/three.txt").lstrip("/")]


def test_text_is_given_once(corpus: Path) -> None:
    sources = with_sources(one=corpus / "a")
    with pytest.raises(InputError, match=r"the recipe has text\.sources\. Remove one"):
        locate_recipe_text(sources, [str(corpus)])
    with pytest.raises(InputError, match=r"No text\. Give --text PATH, or list text\.sources"):
        locate_recipe_text(TextSettings(), [])
    with pytest.raises(InputError, match="belongs to two sources, one and two"):
        locate_recipe_text(with_sources(one=corpus / "a", two=corpus), [])


def test_standard_input_is_a_file_of_a_constant_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"One.\n")))
    with keep_standard_input(["-"]) as names:
        location = locate_text(names)
        assert location.patterns == ("stdin",)
        assert Path(names[0]).read_bytes() == b"One.\n"
        assert name_standard_input(f"Bad: {names[0]}:1:2: x") == "Bad: standard input:1:2: x"
    assert not Path(names[0]).exists()
    with pytest.raises(InputError, match="must be the only text"), keep_standard_input(["-", "a"]):
        pass


def test_small_text_without_held_out_documents_is_refused(tmp_path: Path) -> None:
    text = str(Path(__file__).parents[1] / "data/language_reference.txt")
    message = r"No document falls into the eval split .*or set text\.eval_fraction to 0\.\d+ or m"
    with pytest.raises(InputError, match=message):
        locate_and_check([text], None, TextSettings(eval_fraction=0.0001))
    locate_and_check([text], None, TextSettings(eval_fraction=0.1))
    book = tmp_path / "book.txt"
    book.write_text("One document of a line.\n" * 10, encoding="utf-8")
    with pytest.raises(InputError, match=r"No document falls into the (eval|train) split"):
        locate_and_check([str(book)], None, TextSettings(eval_fraction=0.5))
    # Without their boilerplate, documents have other ids.
    locate_and_check([str(book)], None, TextSettings(eval_fraction=0.5, drop_boilerplate_lines=2))
    content = b"Too much to read before the run.\n" * 150_000
    compressed = gzip.compress(content)
    settings = TextSettings(eval_fraction=0.0001, max_gzip_ratio=1000)
    for large in (content, compressed):
        book.write_bytes(large)
        locate_and_check([str(book)], None, settings)


def test_reading_of_small_text_ends_when_both_splits_have_documents(tmp_path: Path) -> None:
    text = tmp_path / "a.txt.gz"
    documents = "".join(f"This is document {n}.\n\n" for n in range(5000))
    text.write_bytes(gzip.compress(documents.encode() + b"Not UTF-8: \xff\n"))
    locate_and_check([str(text)], None, TextSettings(eval_fraction=0.5))
