"""The page is safe and self-contained, and its numbers are those of the manifests."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

from components.corpus_report.page import render_report
from components.corpus_report.read_artifacts import read_report_data
from components.settings import ReportSettings
from core.format_numbers import format_number, format_percent
from core.manifest import read_manifest
from core.wording import name_counter
from tests.components.corpus_report.folders import Folders, topic_documents, write_folders

SHOWN = ReportSettings(show_text=True)


def page_of(folders: Folders, settings: ReportSettings = SHOWN) -> str:
    data = read_report_data(folders.documents, folders.vocabulary, folders.instances, settings)
    return render_report(data, settings, "fedcba9876543210")


class Elements(HTMLParser):
    """Every tag with its attributes, and all text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_references_nothing_outside_itself(folders: Folders) -> None:
    page = page_of(folders)
    elements = Elements(page)
    names = {name for name, _ in elements.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    for tag, attributes in elements.tags:
        assert not {"src", "style", "xlink:href"} & set(attributes), (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")]
        assert (attributes.get("href") or "#").startswith("#")
    assert "url(" not in page
    assert "@import" not in page
    assert not re.search(r"https?://|//cdn", page)


def test_the_policy_allows_only_the_pages_own_style(folders: Folders) -> None:
    page = page_of(folders)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = next(a["content"] for t, a in Elements(page).tags if "http-equiv" in a)
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


HOSTILE = '<script>alert("x")</script><img src=x onerror=y> \u202egnp.exe \x1b[31mred'


def test_hostile_text_is_escaped_and_made_visible(tmp_path: Path) -> None:
    documents = [(f"{n}.txt", [f"{HOSTILE} {n}", "A calm sentence."] * 3) for n in range(5)]
    check_harmless(page_of(write_folders(tmp_path, documents)))


def test_hostile_pieces_counters_and_facts_are_escaped_too(folders: Folders) -> None:
    data = read_report_data(folders.documents, folders.vocabulary, folders.instances, SHOWN)
    facts = {**data.instances.facts, "objective": HOSTILE, HOSTILE: HOSTILE, "form": HOSTILE}
    counts = {split: {**c, HOSTILE: 1} for split, c in data.instances.counts.items()}
    hostile = replace(
        data,
        tokens=tuple(f"{HOSTILE}{n}" if n > 4 else t for n, t in enumerate(data.tokens)),
        instances=data.instances.model_copy(update={"facts": facts, "counts": counts}),
    )
    check_harmless(render_report(hostile, SHOWN, HOSTILE))


def left_out_page(folders: Folders, *, show_text: bool) -> str:
    """The page of documents of which some were left out, all with hostile text."""
    settings = ReportSettings(show_text=show_text)
    data = read_report_data(folders.documents, folders.vocabulary, folders.instances, settings)
    document = {"document_id": "0f", "file": HOSTILE, "text": HOSTILE}
    facts = {
        **data.documents.facts,
        "filtered": {"filtered_short": [document]},
        "boilerplate": [{"documents": 1234, "text": HOSTILE}],
        "near_duplicates": [{"dropped": document, "kept": document}],
    }
    hostile = replace(data, documents=data.documents.model_copy(update={"facts": facts}))
    return render_report(hostile, settings, "c0de")


def test_hostile_documents_that_were_left_out_are_shown_as_text(folders: Folders) -> None:
    page = left_out_page(folders, show_text=True)
    check_harmless(page)
    text = "".join(Elements(page).text)
    assert text.count("documents with less than 50 words, left out") == 1
    assert text.count("gnp.exe") == 2 + 1 + 5
    assert "1,234" in text


def test_text_that_was_left_out_is_shown_on_request_only(folders: Folders) -> None:
    text = "".join(Elements(left_out_page(folders, show_text=False)).text)
    assert "gnp.exe" not in text
    assert text.count("Set report.show_text: true to show examples here.") == 1


def check_harmless(page: str) -> None:
    elements = Elements(page)
    assert not {"script", "img"} & {name for name, _ in elements.tags}
    assert "alert" in "".join(elements.text)  # it is shown, as text
    assert not set(page) & set("\u202e\x1b\x00\u2066")


def test_every_counter_of_the_manifests_is_on_the_page(folders: Folders) -> None:
    text = "".join(Elements(page_of(folders)).text)
    documents = read_manifest(folders.documents).counts
    instances = read_manifest(folders.instances).counts
    for name, count in documents["all"].items():
        assert f"{name_counter(name)}{format_number(count)}" in text
    for split in ("train", "eval"):
        for name in ("documents", "sentences", "text_bytes"):
            assert format_number(documents[split][name]) in text
    for name, count in instances["train"].items():
        assert (
            f"{name_counter(name)}{format_number(count)}{format_number(instances['eval'][name])}"
            in text
        )


def test_the_rates_are_those_of_the_manifest(folders: Folders) -> None:
    train = read_manifest(folders.instances).counts["train"]
    text = "".join(Elements(page_of(folders)).text)
    filled = train["real_tokens"] / (train["real_tokens"] + train["padding_tokens"])
    assert f"{format_percent(filled)}filled positions" in text
    assert (
        f"{format_percent(train['masked_tokens'] / train['real_tokens'])}predicted tokens" in text
    )
    assert f"[MASK] {format_percent(train['mask_replaced'] / train['masked_tokens'])}" in text
    pairs = train["random_next"] + train["actual_next"]
    assert f"random {format_percent(train['random_next'] / pairs)}" in text


def test_no_text_is_shown_by_default(folders: Folders) -> None:
    hidden = page_of(folders, ReportSettings())
    assert 'id="examples"' not in hidden
    assert "with their original text" not in hidden
    assert 'id="examples"' in page_of(folders)


def test_the_same_corpus_gives_the_same_bytes(folders: Folders) -> None:
    assert page_of(folders) == page_of(folders)


def test_dynamic_instances_have_no_masks_to_draw(dynamic_folders: Folders) -> None:
    page = page_of(dynamic_folders)
    assert "new masks are drawn at every training step, at a rate of 15.0 %" in page
    assert "What replaces a predicted token" not in page
    assert "Real tokens per instance" in page
    assert "Labels of the pairs" in page


def test_a_corpus_of_one_document_is_reported(tmp_path: Path) -> None:
    page = page_of(write_folders(tmp_path, topic_documents(1)))
    assert "Only " in page
    assert "instances are held out" in page


def test_sources_are_listed_with_their_shares(folders: Folders) -> None:
    data = read_report_data(folders.documents, folders.vocabulary, folders.instances, SHOWN)
    assert "Sources" not in Elements(render_report(data, SHOWN, "code")).text
    split = {"documents": 1234, "sentences": 9, "text_bytes": 99}
    sources = {name: {"read": {}, "train": split, "eval": split} for name in ("web", "books")}
    documents = data.documents.model_copy(update={"facts": {"sources": sources}})
    train = {**data.instances.counts["train"], "tokens_of_web": 750, "tokens_of_books": 250}
    train |= {"instances_of_web": 3, "instances_of_books": 2}
    counts = {**data.instances.counts, "train": train}
    instances = data.instances.model_copy(update={"counts": counts})
    page = render_report(replace(data, documents=documents, instances=instances), SHOWN, "code")
    row = r"web</th><td>1,234</td><td>99 B</td><td>750</td><td>75\.0\s*%</td><td>60\.0\s*%"
    assert re.search(row, page)
