"""The page is safe with hostile names, and a real browser follows it from a run to its text."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.lineage.page.contents import page_contents
from pipelines.lineage.page.dag_layout import lay_out
from pipelines.lineage.page.render import render_page
from pipelines.metadata.archive import Archive
from tests.pipelines.lineage.browser import CHROMIUM, Browser
from tests.pipelines.lineage.conftest import History
from tests.pipelines.lineage.mill import Mill

HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>\u202e\x07"
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")


@pytest.fixture(scope="module")
def page(history: History, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "lineage.html"
    words = ["lineage", "report", "-o", str(path), "--workdir", str(history.workdir)]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


def test_the_policy_allows_our_script_and_style_and_nothing_else(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digests = [
        base64.b64encode(hashlib.sha256(t.encode()).digest()).decode() for t in (style, script)
    ]
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digests[0]}'; script-src 'sha256-{digests[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), "it names no other place"
    assert not re.search(r"innerHTML|insertAdjacent|document\.write|\beval\b|style=", script)


def test_the_same_workdir_gives_the_same_page(history: History, page: Path) -> None:
    again = render_page(Archive(history.workdir), page.parent, 200)
    assert again == page.read_text(encoding="utf-8")


def test_edges_go_forward_and_implied_edges_are_not_drawn() -> None:
    edges = [("a", "b"), ("b", "c"), ("a", "c"), ("a", "d"), ("c", "e"), ("d", "e"), ("a", "e")]
    layout = lay_out("abcde", edges)
    assert layout.edges == (("a", "b"), ("a", "d"), ("b", "c"), ("c", "e"), ("d", "e"))
    assert all(layout.places[x][0] < layout.places[y][0] for x, y in edges)
    assert len(set(layout.places.values())) == 5, "no two nodes in one place"
    assert (layout.layers, layout.rows) == (4, 2)


@needs_browser
def test_a_reader_follows_a_model_from_the_list_to_its_text(
    page: Path, browser: Browser, history: History
) -> None:
    browser.look()
    browser.open(page)
    assert browser.ask("document.querySelectorAll('.run').length") == 6
    browser.ask(f"document.querySelector('.run a[href=\"#/run/{history.changed}\"]').click()")
    browser.wait(f"document.querySelector('.run-id')?.textContent === 'Run {history.changed}'")
    heading = browser.ask("document.querySelector('h1').textContent")
    assert re.match(r"tiny · \d{4}-\d\d-\d\d \d\d:\d\d UTC succeeded$", heading)
    why = browser.ask("document.querySelector('.lead').textContent")
    assert why.startswith("same text and code; trainer.learning_rate 1e-4 → 5e-4; loss 3.91")
    pairs = "[...document.querySelectorAll('.node')].map(n => [n.dataset.node, n.classList[1]])"
    states = f"Object.fromEntries({pairs})"
    assert browser.ask(states) | {"LatestBlessedModel": ""} == {
        "TextExampleGen": "cached", "DocumentStatistics": "cached", "VocabularyGen": "cached",
        "InstanceGen": "cached", "CorpusReportGen": "cached", "Trainer": "ran",
        "LatestBlessedModel": "", "ModelEvaluator": "ran", "ModelCardGen": "ran", "Pusher": "ran",
    }  # fmt: skip
    for noun in ("model", "instances", "documents"):
        links = "[...document.querySelectorAll('.details .artifact, .chain .artifact')]"
        browser.ask(f"{links}.find(a => a.textContent.startsWith('{noun} ')).click()")
        browser.wait(
            f"document.querySelector('h1').textContent.toLowerCase().startsWith('{noun} ')"
        )
    assert "5 documents, 10 sentences" in browser.ask("document.querySelector('.lead').textContent")
    assert history.first in browser.ask("document.querySelector('.lead').textContent")
    assert browser.errors == []


@needs_browser
def test_a_cached_node_names_the_run_that_did_the_work(
    page: Path, browser: Browser, history: History
) -> None:
    browser.open(page, f"/run/{history.repeated}/Trainer")
    details = browser.ask("document.querySelector('#details').textContent")
    assert f"the result of run {history.changed} was reused" in details


@needs_browser
def test_two_runs_are_shown_side_by_side_with_differences_marked(
    page: Path, browser: Browser, history: History
) -> None:
    browser.open(page)
    browser.ask(f"""for (const id of ["{history.first}", "{history.changed}"])
        document.querySelector(`input[aria-label="Compare ${{id}}"]`).click()""")
    browser.ask("document.querySelector('.compare-bar a').click()")
    browser.wait("!!document.querySelector('.compared')")
    rows = browser.ask("[...document.querySelectorAll('.differs')].map(r => r.innerText)")
    assert any(
        row.split() == ["trainer.learning_rate", "1e-4", "5e-4", "+400", "%"] for row in rows
    )
    assert "text" in browser.ask("document.querySelector('.same').textContent")
    before = len(rows)
    browser.ask("document.querySelector('.chips button').click()")
    assert browser.ask("document.querySelectorAll('.compared tr').length") > before + 10


@needs_browser
def test_search_and_keys_find_a_run(page: Path, browser: Browser, history: History) -> None:
    browser.open(page)
    browser.press("/")
    browser.wait("document.activeElement.id === 'search'")
    browser.type("trainer.steps=200")
    browser.wait("document.querySelectorAll('.run').length === 1")
    browser.press("Escape")
    browser.press("j")
    browser.press("Enter")
    browser.wait(f"location.hash === '#/run/{history.failed}'")
    browser.wait("!!document.querySelector('.error')")
    assert "ValueError: out of luck" in browser.ask("document.querySelector('.error').textContent")
    browser.press("o")
    browser.wait(f"location.hash === '#/run/{history.new_text}'")
    browser.press("Escape")
    browser.wait("location.hash === '#/'")


@needs_browser
@pytest.mark.parametrize("width", [320, 390, 1200])
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_is_wider_than_the_window(
    page: Path, browser: Browser, history: History, width: int, dark: bool, tmp_path: Path
) -> None:
    browser.look(width=width, dark=dark)
    views = [
        "/",
        f"/run/{history.failed}",
        "/artifact/1",
        f"/compare/{history.first}/{history.changed}",
    ]
    for view in views:
        browser.open(page, view)
        assert browser.ask("document.documentElement.scrollWidth") <= width, view
    browser.picture(tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 10_000
    assert browser.errors == []
    browser.look()


@needs_browser
@pytest.mark.parametrize("width", [320, 390, 1200])
def test_each_run_shows_its_whole_result_and_a_label_for_its_loss(
    page: Path, browser: Browser, width: int
) -> None:
    browser.look(width=width)
    browser.open(page)
    right_edges = browser.ask(
        "[...document.querySelectorAll('.run .pill')].map(p => p.getBoundingClientRect().right)"
    )
    list_edge = browser.ask("document.querySelector('.runs').getBoundingClientRect().right")
    assert len(right_edges) == 6
    assert max(right_edges) < list_edge
    losses = browser.ask("[...document.querySelectorAll('.loss')].map(l => l.textContent)")
    assert losses == ["", "", "loss 4.200", "loss 3.720", "loss 3.720", "loss 3.910"]
    browser.look()


@needs_browser
def test_run_ids_are_on_one_line_in_a_comparison_on_a_phone(
    page: Path, browser: Browser, history: History
) -> None:
    browser.look(width=390)
    browser.open(page, f"/compare/{history.first}/{history.changed}")
    heights = browser.ask(
        "[...document.querySelectorAll('.compared thead th')].map(h => h.clientHeight)"
    )
    assert max(heights) < 35, "pixels; two lines take more"
    browser.look()


def test_the_resolver_leads_to_the_evaluator_also_when_it_found_no_model(tmp_path: Path) -> None:
    Mill(tmp_path).run()
    dag = page_contents(Archive(tmp_path), tmp_path, 200)["pipelines"]["tiny"]
    assert ["Trainer", "LatestBlessedModel"] in dag["edges"]
    assert ["LatestBlessedModel", "ModelEvaluator"] in dag["edges"]


@needs_browser
def test_hostile_names_are_shown_as_text_and_never_run(browser: Browser, tmp_path: Path) -> None:
    mill = Mill(tmp_path / "work")
    mill.run(trainer_code=HOSTILE, commit=HOSTILE, documents=[[HOSTILE], ["b"], ["c"]])
    run = mill.run(trainer_code=HOSTILE + "2", commit=HOSTILE)
    path = tmp_path / "lineage.html"
    text = render_page(Archive(tmp_path / "work"), tmp_path, 200)
    path.write_text(text, encoding="utf-8")
    assert "\u202e" not in text
    assert text.count("</script>") == 2
    for view in ("/", f"/run/{run}", f"/run/{run}/Trainer"):
        browser.open(path, view)
        assert "owned" not in browser.ask("document.title")
        assert browser.ask("document.querySelectorAll('img').length") == 0
    assert "</script>" in browser.ask("document.querySelector('#details').textContent")
    assert browser.errors == []


@needs_browser
def test_scores_on_tasks_are_a_table_and_a_line(browser: Browser, tmp_path: Path) -> None:
    mill = Mill(tmp_path)
    for number in range(3):
        scores = {"polarity.accuracy": 0.6 + number / 10, "polarity.probe": 0.55}
        run = mill.run(steps=number + 1, loss=4.0 - number, scores=scores)
    page = tmp_path / "lineage.html"
    page.write_text(render_page(Archive(tmp_path), tmp_path, 200), encoding="utf-8")
    browser.look()
    browser.open(page)
    titles = browser.ask("[...document.querySelectorAll('h2')].map(h => h.textContent)")
    assert "polarity.accuracy of each trained model, fine-tuned" in titles
    browser.open(page, f"/run/{run}")
    cells = browser.ask("[...document.querySelectorAll('.counts td')].map(c => c.textContent)")
    assert cells[0] == "0.800"
    assert "0.550" in cells
    titles = browser.ask("[...document.querySelectorAll('h2')].map(h => h.textContent)")
    assert "polarity.probe during training" in titles
    assert browser.errors == []


@needs_browser
def test_two_hundred_runs_are_drawn_and_searched_at_once(browser: Browser, tmp_path: Path) -> None:
    mill = Mill(tmp_path, files=False)
    for number in range(200):
        mill.run(steps=number + 1, loss=6 - number / 100)
    text = render_page(Archive(tmp_path), tmp_path, 200)
    (tmp_path / "lineage.html").write_text(text, encoding="utf-8")
    assert len(text) < 3e6
    browser.look()
    browser.open(tmp_path / "lineage.html")
    assert browser.ask("document.querySelectorAll('.run').length") == 200
    browser.ask("""(() => {
        const search = document.getElementById("search");
        search.value = "trainer.steps=150";
        search.dispatchEvent(new Event("input"));
    })()""")
    assert browser.ask("document.querySelectorAll('.run').length") == 1


def test_a_page_with_a_limit_counts_the_older_runs(history: History) -> None:
    text = render_page(Archive(history.workdir), history.workdir, 2)
    data = json.loads(re.findall(r'id="data">(.*?)</script>', text)[0])
    assert [run["run"] for run in data["runs"]] == [history.killed, history.failed]
    assert data["older"] == 4
