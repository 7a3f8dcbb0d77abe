"""Provide two example pipelines: one that passes values and artifacts, and one that fails."""

from typing import Any

from tests.pipelines.spec_runner.small_specs import (
    INTEGER,
    TEXT,
    artifact,
    component,
    constant,
    outer,
    output,
    pipeline,
    python,
    task,
)

MAKE = """
import json, pathlib, sys
data, length, text = sys.argv[1:]
pathlib.Path(data).write_text(text)
pathlib.Path(length).write_text(str(len(text)))
"""
TAKE = """
import json, pathlib, sys
message = json.loads(sys.argv[1])
data = message["inputs"]["artifacts"]["data"]["artifacts"][0]
values = message["inputs"]["parameterValues"]
report = message["outputs"]["artifacts"]["report"]["artifacts"][0]
pathlib.Path(report["uri"]).mkdir()
content = [pathlib.Path(data["uri"]).read_text(), values]
pathlib.Path(report["uri"], "all.json").write_text(json.dumps(content))
report["metadata"] = {"size": 2.0, "word": "x"}
answer = {"artifacts": {"report": {"artifacts": [report]}}}
pathlib.Path(message["outputs"]["outputFile"]).write_text(json.dumps(answer))
"""


def two_tasks(**more: Any) -> dict[str, Any]:
    """`make` writes a text and its length; `take` reads both and writes a report."""
    return pipeline(
        {
            "take": task(
                "take",
                cachingOptions={"enableCache": True},
                inputs={
                    "artifacts": {"data": artifact("make", "data")},
                    "parameters": {
                        "length": output("make", "length"),
                        "note": constant("as {{$.inputs.parameters['length']}}"),
                    },
                },
            ),
            "make": task(
                "make",
                cachingOptions={"enableCache": True},
                inputs={"parameters": {"text": outer("text")}},
                **more,
            ),
        },
        {
            "make": component(
                "make",
                inputs={"text": TEXT},
                outputs={"length": INTEGER},
                out_data="system.Dataset",
            ),
            "take": component(
                "take",
                inputs={"length": INTEGER, "note": TEXT},
                in_data="system.Dataset",
                out_report="system.HTML",
            ),
        },
        {
            "make": python(
                MAKE,
                "{{$.outputs.artifacts['data'].path}}",
                "{{$.outputs.parameters['length'].output_file}}",
                "{{$.inputs.parameters['text']}}",
            ),
            "take": python(TAKE, "{{$}}", "unused"),
        },
        {"text": {"parameterType": "STRING", "defaultValue": "abc"}},
    )


def failing(times: int, **more: Any) -> dict[str, Any]:
    """A task that fails at first, one that needs it, one that does not, and an exit handler."""
    fails = (
        "import pathlib, sys; p = pathlib.Path('tries'); n = len(p.read_text()) if p.exists() "
        f"else 0; p.write_text('x' * (n + 1)); print('try', n); sys.exit(3 if n < {times} else 0)"
    )
    tells = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(sys.argv[2])"
    inner = {
        "fails": task("fails", **more),
        "needs": task("needs", "fails"),
        "alone": task("alone"),
    }
    status = {"taskFinalStatus": {"producerTask": "tfx-dag"}}
    return pipeline(
        {
            "tfx-dag": task("tfx-dag"),
            "exit": task(
                "exit",
                "tfx-dag",
                triggerPolicy={"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"},
                inputs={"parameters": {"status": status, "path": outer("path")}},
            ),
        },
        {
            "tfx-dag": {"dag": {"tasks": inner}},
            "fails": component("fails"),
            "needs": component("needs"),
            "alone": component("alone"),
            "exit": component("exit", inputs={"status": TEXT, "path": TEXT}),
        },
        {
            "fails": python(fails),
            "needs": python(""),
            "alone": python(""),
            "exit": python(
                tells, "{{$.inputs.parameters['path']}}", "{{$.inputs.parameters['status']}}"
            ),
        },
        {"path": {"parameterType": "STRING"}},
    )
