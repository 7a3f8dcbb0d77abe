"""Parse the filter of a resolver into a test of artifacts.

schema_title="tfx.ModelBlessing" AND state=LIVE AND metadata.blessed.number_value=1
schema_title="tfx.Model" AND state=LIVE AND name="projects/…/artifacts/12"
"""

import re
from collections.abc import Callable
from typing import Any

from pipelines.spec_runner.spec.artifacts import LiveArtifact
from pipelines.spec_runner.spec.errors import SpecError

_CLAUSE = re.compile(
    r"(?P<field>schema_title|state|name|uri"
    r"|metadata\.(?P<key>[\w-]+)\.(?P<kind>number_value|string_value|bool_value))"
    r"\s*=\s*(?:\"(?P<text>[^\"]*)\"|(?P<word>[\w.+-]+))$"
)
Test = Callable[[LiveArtifact], bool]


def parse_filter(text: str) -> Test:
    """Parse a filter as TFX compiles it: clauses joined by AND.

    Args:
        text: without placeholders.

    Raises:
        SpecError: a clause is of an unknown kind.
    """
    tests = [_clause(part.strip()) for part in re.split(r"\s+AND\s+", text.strip())]
    return lambda artifact: all(test(artifact) for test in tests)


def _clause(text: str) -> Test:
    match = _CLAUSE.match(text)
    if match is None:
        raise SpecError(f"A resolver uses the filter {text!r}, which run-spec does not support.")
    wanted = match["text"] if match["text"] is not None else match["word"]
    key, field = match["key"], match["field"]
    if key:
        value: Any = wanted
        if match["kind"] == "number_value":
            value = float(wanted)
        elif match["kind"] == "bool_value":
            value = wanted.lower() == "true"
        return lambda artifact: artifact.metadata.get(key) == value
    if field == "schema_title":
        return lambda artifact: artifact.type.title == wanted
    if field == "name":
        return lambda artifact: artifact.resource == wanted
    if field == "uri":
        return lambda artifact: artifact.uri == wanted
    return lambda artifact: wanted == "LIVE"  # the only state that filters ask for
