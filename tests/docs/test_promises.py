"""A promise of the documentation needs a row that names a test, and honest grounds."""

import pytest

from docs.tools.promises import Row, check_document, check_rows, units_of

PAGE = """# Vertex AI

A run is *never* submitted twice. It has an id.

```sh
never  # code
```

| name | protection |
|---|---|
| text | tags are [refused](x.md) |
"""
TEST = "tests/docs/test_promises.py::test_each_sentence_and_row_is_a_unit"
SUBMITTED = Row("docs/x.md", ("never submitted twice",), "fake", (TEST,))
REFUSED = Row("docs/x.md", ("tags are refused",), "real", (TEST,))


def test_each_sentence_and_row_is_a_unit() -> None:
    assert [unit.text for unit in units_of(PAGE)] == [
        "A run is never submitted twice.", "It has an id.", "| text | tags are refused |",
    ]  # fmt: skip


def test_promises_without_rows_are_reported() -> None:
    problems = list(check_document("docs/x.md", PAGE, []))
    assert [problem.rpartition(": ")[2] for problem in problems] == [
        "A run is never submitted twice.", "| text | tags are refused |",
    ]  # fmt: skip


def test_what_only_an_imitation_shows_is_said_in_the_document() -> None:
    rows = [SUBMITTED, REFUSED]
    (problem,) = check_document("docs/x.md", PAGE, rows)
    assert "'never submitted twice' is tested on: fake" in problem
    assert list(check_document("docs/x.md", f"{PAGE}\nTested on a local server.\n", rows)) == []


def test_output_that_an_imitation_invented_is_said_to_be_so() -> None:
    page = "It prints:\n\n<!-- submit.txt -->\nA run.\n<!-- / -->\n"
    (problem,) = check_document("docs/x.md", page, [])
    assert "an imitation of Google Cloud answered" in problem
    assert list(check_document("docs/x.md", f"{page}A local server answered.\n", [])) == []


def test_a_row_that_quotes_what_no_document_says_is_reported() -> None:
    row = Row("docs/x.md", ("is always blue",), "real", (TEST,))
    problems = list(check_document("docs/x.md", "It runs.\n", [row]))
    assert problems == [
        "docs/x.md: does not say 'is always blue'; change its row in docs/promises.yaml."
    ]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (Row("x", ("a",), "real", ("tests/docs/test_promises.py::test_no",)), "there is no test"),
        (Row("x", ("a",), "real", ("docs/tools/promises.py",)), "there is no test"),
        (Row("x", ("a",), "real"), "name the tests"),
        (Row("x", ("a",), "nothing"), "say `because`"),
        (Row("x", ("a",), "moon", (TEST,)), "is not one of real"),
    ],
)
def test_a_row_without_a_test_or_a_reason_is_reported(row: Row, problem: str) -> None:
    (message,) = check_rows([row])
    assert problem in message
