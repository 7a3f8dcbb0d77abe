"""Read the labeled examples of a task, and refuse what would make its result worthless."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from components.downstream_evaluator.read_table import Row, TaskError, read_table
from components.evaluation_settings import DownstreamSettings, TaskSettings
from core.manifest import file_digest
from trainer.downstream.examples import Examples, LabeledTask

SPECIALS = {"classify": 2, "pair": 3, "tag": 2}  # [CLS] and [SEP]


def read_task(settings: TaskSettings) -> LabeledTask:
    """Read the examples of both files.

    Raises:
        InputError: a file or an example cannot be used; the message names file, line and remedy.
    """
    if settings.train == settings.eval:
        raise TaskError(
            f"{settings.train}: task {settings.name} has one file for train and eval, so its score "
            f"would mean nothing. Hold some examples back in a second file."
        )
    train, eval_ = (_read_rows(path, settings) for path in (settings.train, settings.eval))
    labels = settings.labels or tuple(sorted({x for _, _, own in train for x in own}))
    if len({x for _, _, own in train for x in own}) < 2:
        raise TaskError(
            f"{settings.train}: all examples have the label {labels[0]!r}, so there is nothing to "
            f"learn. Set evaluation.tasks' label of task {settings.name} to another column."
        )
    return LabeledTask(
        name=settings.name,
        kind=settings.kind,
        metric=settings.metric,
        seq_length=settings.seq_length,
        labels=labels,
        train=_number_labels(train, labels, settings),
        eval=_number_labels(eval_, labels, settings),
    )


def tasks_digest(tasks: Sequence[TaskSettings]) -> str:
    """Return a digest of the content of all files; TFX's cache key would have only their names."""
    files = [(task.name, file_digest(task.train), file_digest(task.eval)) for task in tasks]
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()


def check_unchanged(downstream_settings: str, digest: str) -> DownstreamSettings:
    """Return the settings of an execution, if the files of its tasks are those of the plan.

    Raises:
        TaskError: a file changed since the run started.
    """
    settings = DownstreamSettings.model_validate_json(downstream_settings)
    if tasks_digest(settings.tasks) != digest:
        raise TaskError(
            "A file of evaluation.tasks changed since this run was prepared. Start it again."
        )
    return settings


def eval_digest(tasks: Sequence[TaskSettings]) -> str:
    """Return a digest of the content of the files of held-out examples."""
    return hashlib.sha256(
        json.dumps([file_digest(task.eval) for task in tasks]).encode()
    ).hexdigest()


_Read = tuple[Row, tuple[Any, ...], tuple[str, ...]]  # texts and labels of a row


def _read_rows(path: str, settings: TaskSettings) -> list[_Read]:
    text_columns = [settings.text, *([settings.text_pair] if settings.text_pair else [])]
    rows = read_table(path, [*text_columns, settings.label])
    if not rows:
        raise TaskError(f"{path}: has no examples. Fill it, or name another file.")
    return [_read_row(row, text_columns, settings) for row in rows]


def _read_row(row: Row, text_columns: Sequence[str], settings: TaskSettings) -> _Read:
    where = row.where
    if settings.kind == "tag":
        words = _split(row, settings.text)
        labels = _split(row, settings.label)
        if len(words) != len(labels):
            raise TaskError(
                f"{where}: {len(words)} words, but {len(labels)} labels. Give one label per word."
            )
        texts: tuple[Any, ...] = (words,)
        count = len(words)
    else:
        texts = tuple(_text(row, column) for column in text_columns)
        labels = (_label(row.values[settings.label], where),)
        count = sum(len(text.split()) for text in texts)
    room = settings.seq_length - SPECIALS[settings.kind]
    if count > room and settings.long_texts == "refuse":
        raise TaskError(
            f"{where}: {count} words, but task {settings.name} has room for {room} tokens. Raise "
            f"its seq_length (at most model.max_position), or set long_texts: cut."
        )
    return row, texts, labels


def _text(row: Row, column: str) -> str:
    value = row.values[column]
    if not isinstance(value, str):
        kind = "missing" if value is None else f"a {type(value).__name__}"
        raise TaskError(f"{row.where}: {column} is {kind}, not text. Name a column of text.")
    if not value.strip():
        raise TaskError(f"{row.where}: {column} is empty. Fill it, or remove the example.")
    return value.strip()


def _split(row: Row, column: str) -> tuple[str, ...]:
    """Return the words or the labels of a row: a list, or text with spaces between them."""
    value = row.values[column]
    if isinstance(value, list):
        words = tuple(_label(word, row.where).strip() for word in value)
    else:
        words = tuple(_text(row, column).split())
    if not words or not all(words):
        raise TaskError(f"{row.where}: {column} has an empty word. Remove it with its label.")
    return words


def _label(value: Any, where: str) -> str:
    """Return a label as text; 1, 1.0 and "1" are the same label."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, str | int) or value == "":
        kind = "missing" if value in (None, "") else f"{value!r}"
        raise TaskError(f"{where}: the label is {kind}. Give a word or a whole number.")
    return str(value).strip()


def _number_labels(
    rows: Sequence[_Read], labels: tuple[str, ...], settings: TaskSettings
) -> Examples:
    ids = {label: number for number, label in enumerate(labels)}
    for row, _, own in rows:
        for label in own:
            if label not in ids:
                place = "evaluation.tasks' labels" if settings.labels else settings.train
                raise TaskError(
                    f"{row.where}: the label {label!r} is not in {place}, which has "
                    f"{', '.join(labels[:20])}. Correct the label, or add it there."
                )
    return Examples(
        texts=tuple(texts for _, texts, _ in rows),
        labels=tuple(tuple(ids[label] for label in own) for _, _, own in rows),
    )
