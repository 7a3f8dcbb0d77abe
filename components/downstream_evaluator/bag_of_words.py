"""Classify texts and words without an encoder: logistic regression on bags of words."""

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.feature_extraction import DictVectorizer  # type: ignore[import-untyped]
from sklearn.feature_extraction.text import TfidfTransformer  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]

from trainer.downstream.examples import Examples, Text

MOST_ITERATIONS = 500


def predict_from_words(train: Examples, evaluated: Examples, kind: str) -> np.ndarray:
    """Predict with logistic regression on words alone.

    classify: tf-idf of words and pairs of words. pair: the same of both texts, and the words that
    they share. tag: the word, and the words before and after it.
    """
    labels = train.flat_labels
    if len(set(labels)) == 1:  # a sample has no other
        return np.full_like(evaluated.flat_labels, labels[0])
    list_features = _tag_features if kind == "tag" else _text_features
    rows = ([f for texts in e.texts for f in list_features(texts)] for e in (train, evaluated))
    weights = [] if kind == "tag" else [TfidfTransformer(sublinear_tf=True)]
    classifier = make_pipeline(
        DictVectorizer(), *weights, LogisticRegression(max_iter=MOST_ITERATIONS)
    )
    predicted: np.ndarray = classifier.fit(next(rows), labels).predict(next(rows))
    return predicted


def _text_features(texts: tuple[Text, ...]) -> list[dict[str, Any]]:
    """Count words and pairs of words, those of a second text apart."""
    counts: Counter[str] = Counter()
    split = [str(text).lower().split() for text in texts]
    for number, words in enumerate(split):
        counts.update(f"{number} {word}" for word in words)
        counts.update(f"{number} {one} {next_}" for one, next_ in pairwise(words))
    if len(split) > 1:
        shared = set(split[0]) & set(split[1])
        counts.update(f"both {word}" for word in shared)
        counts["both"] = 1 + len(shared)
    return [counts]


def _tag_features(texts: tuple[Text, ...]) -> list[dict[str, Any]]:
    """Name each word and its neighbors."""
    padded = ["", *(word.lower() for word in texts[0]), ""]
    return [
        {"word": word, "before": before, "after": after}
        for before, word, after in zip(padded, padded[1:], padded[2:], strict=False)
    ]
