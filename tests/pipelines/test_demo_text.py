"""Claims about the demo's text: real prose, in BERT's form, the same every time."""

from pathlib import Path
from pydoc_data.topics import topics

from components.settings import TextSettings
from components.text_example_gen.reading.find_files import find_files
from components.text_example_gen.reading.read_documents import DocumentReader
from pipelines.local.demo_text import (
    FILE,
    documents_of,
    paragraphs_of,
    sections_of,
    sentences_of,
    write_demo_text,
)

TOPIC = """The "with" statement
********************

The "with" statement is used to wrap the execution of a block with
methods defined by a context manager. It is a user-
defined thing.

   with_stmt          ::= "with" ( "(" with_stmt_contents ","? ")" )

   >>> is_this = the_code("of the manual")

1. The *context* expression (the expression given in the
   "with_item") is evaluated to obtain a context manager.

Details
=======

object.__enter__(self)

   Enter the runtime context related to this object.

+-------+------------------------------+
| the   | table of the context is long |
+-------+------------------------------+
"""


def test_only_the_prose_of_a_topic_is_kept() -> None:
    paragraphs = [list(paragraphs_of(section)) for section in sections_of(TOPIC)]
    assert paragraphs == [
        [],
        [
            'The "with" statement is used to wrap the execution of a block with methods defined by '
            "a context manager. It is a user-defined thing.",
            'The context expression (the expression given in the "with_item") is evaluated to '
            "obtain a context manager.",
        ],
        ["Enter the runtime context related to this object."],
    ]


def test_fragments_are_not_sentences() -> None:
    assert sentences_of("See the list. It is of no use, e.g. here.") == [
        "It is of no use, e.g. here."
    ]


def test_no_paragraph_is_repeated_across_documents() -> None:
    text = {"a": "One of the two parts.\nThis is the other part of it.", "b": ""}
    assert len(list(documents_of({**text, "b": text["a"]}))) == 1


def test_this_python_gives_enough_text_for_a_first_run(tmp_path: Path) -> None:
    count = write_demo_text(tmp_path)
    text = (tmp_path / FILE).read_text(encoding="utf-8")
    assert count > 80
    assert len(text) > 150_000
    assert not any(mark in text for mark in ("::=", ">>>", "****", "+---"))


def test_the_written_text_is_read_back_as_the_same_documents(tmp_path: Path) -> None:
    count = write_demo_text(tmp_path)
    reader = DocumentReader(TextSettings())
    (file,) = find_files(str(tmp_path), ["**"])
    documents = [list(document.sentences) for document in reader.read(file)]
    assert documents == list(documents_of(topics))
    assert len(documents) == count


def test_writing_twice_gives_the_same_bytes_and_no_other_file(tmp_path: Path) -> None:
    write_demo_text(tmp_path)
    before = (tmp_path / FILE).read_bytes()
    write_demo_text(tmp_path)
    assert (tmp_path / FILE).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
