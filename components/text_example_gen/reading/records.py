"""Take the text, id and metadata out of a record: one object of JSONL, or a row of a table."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.text_settings import TextSettings

_TYPE_NAMES = {
    dict: "an object",
    list: "a list",
    bool: "true or false",
    type(None): "null",
    int: "a number",
    float: "a number",
}


class BadRecord(Exception):
    """Signal a record that cannot become a document: why, and what else than skipping helps.

    `DocumentReader` counts it, or raises a CorpusError that also names the file and the place.

    Attributes:
        where: line or row; set by the reader of the file.
        counter: under which it is counted.
        remedy: a setting to change, as part of a sentence; or "".
    """

    def __init__(
        self, reason: str, where: str = "", *, counter: str = "bad_record", remedy: str = ""
    ) -> None:
        super().__init__(reason)
        self.where = where
        self.counter = counter
        self.remedy = remedy


@dataclass(frozen=True)
class Record:
    """The text of one document, with where it is from."""

    where: str  # line or row
    text: str
    record_id: str = ""
    metadata: str = ""  # a JSON object, or ""


def make_record(values: Mapping[str, Any], where: str, settings: TextSettings) -> Record:
    """Take the fields that the settings name.

    Raises:
        BadRecord: the text or the id is missing, or has another type.
    """
    text = _field(values, settings.text_field, "text_field", where)
    if not isinstance(text, str):
        raise BadRecord(
            f"the field {settings.text_field!r} is {_describe(text)}, not text",
            where,
            remedy="set text.text_field to the field with the text, ",
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:  # \ud800 in JSON
        raise BadRecord(
            f"the text has half of a surrogate pair (\\u{ord(text[error.start]):04x}), which is no "
            f"character",
            where,
        ) from error
    return Record(where, text, _record_id(values, where, settings), _metadata(values, settings))


def _record_id(values: Mapping[str, Any], where: str, settings: TextSettings) -> str:
    if settings.id_field is None:
        return ""
    name = _field(values, settings.id_field, "id_field", where)
    if isinstance(name, bool) or not isinstance(name, str | int):
        raise BadRecord(
            f"the field {settings.id_field!r} is {_describe(name)}, not a name or a whole number",
            where,
            remedy="set text.id_field to the field with the id, ",
        )
    return str(name).encode(errors="backslashreplace").decode()


def _metadata(values: Mapping[str, Any], settings: TextSettings) -> str:
    """Return the fields that the record has, in the order of the settings."""
    chosen = {name: values[name] for name in settings.metadata_fields if name in values}
    if not chosen:
        return ""
    # Times and decimals of Parquet have no JSON form.
    text = json.dumps(chosen, ensure_ascii=False, default=str)
    return text.encode(errors="backslashreplace").decode()


def _field(values: Mapping[str, Any], name: str, setting: str, where: str) -> Any:
    if name not in values:
        raise BadRecord(
            f"no field {name!r}; {list_fields(values)}",
            where,
            remedy=f"set text.{setting} to one of its fields, ",
        )
    return values[name]


def list_fields(names: Mapping[str, Any] | list[str]) -> str:
    """Return a phrase with the names of the first fields, for a message."""
    shown = [repr(name)[:40] for name in list(names)[:8]]
    more = ", …" if len(names) > len(shown) else ""
    return f"it has {', '.join(shown)}{more}" if shown else "it has no field"


def _describe(value: Any) -> str:
    return _TYPE_NAMES.get(type(value), f"of the type {type(value).__name__}")
