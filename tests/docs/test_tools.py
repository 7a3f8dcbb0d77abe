"""The documentation's checks find what they claim to find."""

from pathlib import Path

import pytest

from docs.tools import blocks
from docs.tools.check_names import check
from docs.tools.check_site import main as check_site
from docs.tools.proof_page import explain


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Set `trainer.stepss: 4`.", "there is no setting trainer.stepss."),
        ("```sh\ntextmill trains demo\n```", "there is no command `textmill trains demo`."),
        ("Use `textmill run demo --foo 1`.", "`textmill run demo --foo 1` has no option --foo."),
        ("See `trainer/no_such_file.py`.", "there is no file trainer/no_such_file.py."),
    ],
)
def test_a_name_that_does_not_exist_is_reported(text: str, problem: str) -> None:
    assert list(check(text)) == [problem]


def test_existing_names_are_accepted() -> None:
    text = (
        "Set `trainer.steps: 4` in `pipelines/recipes/` and run\n"
        "```sh\ntextmill run RECIPE --text 'my/*.txt' --set model.size=mini -v\n"
        "textmill schedule create SPEC --cron '0 3 * * 1'  # --not-an-option\n```\n"
    )
    assert list(check(text)) == []


def test_blocks_and_figures_are_replaced_by_the_assets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out.txt").write_text("real output\n", encoding="utf-8")
    (tmp_path / "figures.json").write_text('{"demo.loss": "4.98"}', encoding="utf-8")
    monkeypatch.setattr(blocks, "ASSETS", tmp_path)
    page = "Loss <!-- demo.loss -->5.49<!-- / -->.\n\n<!-- out.txt -->stale<!-- / -->\n"
    filled = blocks.fill(page)
    assert "Loss <!-- demo.loss -->4.98<!-- / -->." in filled
    assert "```text\nreal output\n```" in filled
    assert "stale" not in filled
    assert blocks.fill(filled) == filled
    with pytest.raises(SystemExit, match=r"docs/assets has no gone\.txt\. Run `make docs-assets`"):
        blocks.fill("<!-- gone.txt --><!-- / -->")


@pytest.mark.parametrize(
    ("html", "code"),
    [
        ('<a href="https://example.com">a link that a reader clicks</a>', 0),
        ('<script src="assets/search.js"></script>', 0),
        ('<script src="https://example.com/a.js"></script>', 1),
        ('<link rel="stylesheet" href="//example.com/a.css">', 1),
        ("<style>@import url(https://example.com/a.css)</style>", 1),
    ],
)
def test_a_page_that_loads_from_the_network_is_reported(
    tmp_path: Path, html: str, code: int
) -> None:
    (tmp_path / "index.html").write_text(html, encoding="utf-8")
    assert check_site(tmp_path) == code


def test_an_explanation_excuses_no_more_mutants_than_it_says() -> None:
    assert explain("read", 1, 1, "memory only") == "`read` 1: memory only"
    assert explain("read", 3, 1, "memory only") == "`read` 1: memory only, 2: not explained"
    assert explain("read", 2) == "`read` 2: not explained"
