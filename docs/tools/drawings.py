"""Draw the architecture: the four floors with their rooms, and the flow through the pipeline.

Rooms are read from the folders and edges are checked against pipeline.yaml, so that the pictures
change, or the build fails, when the code changes.
"""

import ast
import html
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

TOP = Path(__file__).parents[2]
FLOORS = {
    "pipelines": "recipe → one DAG, and the ways to run, plan, schedule and review it",
    "components": "one folder per component: a thin TFX shell around a pure step",
    "trainer": "instances → a trained, exported encoder; TensorFlow only",
    "core": "errors, storage, manifests, settings, random draws, vocabularies",
}
COLORS = {"pipelines": "#3454d1", "components": "#0f766e", "trainer": "#9a3412", "core": "#475569"}
WIDTH = 860
LETTER = 7.3  # pixels per character of 13 px text
STYLE = (
    "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;"
    "font-size:13px;fill:#1e293b}"
    ".name{font-weight:600;font-size:15px}.small{font-size:12px;fill:#475569}"
    ".edge{stroke:#64748b;stroke-width:1.5;fill:none}.arrow{fill:#64748b}"
)


def rooms(floor: str) -> Iterator[tuple[str, str]]:
    """Yield the rooms of a floor: the folder's name and the first line of its docstring."""
    for file in sorted((TOP / floor).glob("*/__init__.py")):
        text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
        yield file.parent.name, text.split("\n")[0]


def labels(floor: str) -> list[str]:
    """Return what the picture shows of a floor: its rooms, and in core its modules, too."""
    names = [name for name, _ in rooms(floor)]
    if floor == "core":
        names += [f.stem for f in sorted((TOP / floor).glob("*.py")) if f.stem != "__init__"]
    return names


def rooms_page() -> str:
    """Return the table of all rooms, for the page on architecture."""
    lines = ["| room | what it is for |", "|---|---|"]
    for floor in FLOORS:
        lines += [f"| `{floor}/{name}/` | {text} |" for name, text in rooms(floor)]
    return "\n".join(lines) + "\n"


# --- The floors ---------------------------------------------------------------------------------


def floors_svg() -> str:
    """Return the picture of the four floors, each with its rooms."""
    parts: list[str] = []
    top = 16
    for floor, purpose in FLOORS.items():
        chips, height = draw_chips(floor, top + 44)
        body = "".join(chips)
        parts.append(
            f'<rect x="16" y="{top}" width="{WIDTH - 32}" height="{height + 58}" rx="10" '
            f'fill="#fff" stroke="{COLORS[floor]}" stroke-width="1.5"/>'
            f'<text class="name" x="32" y="{top + 27}" style="fill:{COLORS[floor]}">{floor}/</text>'
            f'<text class="small" x="150" y="{top + 27}">{purpose}</text>' + body
        )
        top += height + 58
        if floor != "core":
            parts.append(polyline((WIDTH / 2, top), (WIDTH / 2, top + 30)))
            parts.append(f'<text class="small" x="{WIDTH / 2 + 12}" y="{top + 20}">imports</text>')
            top += 30
    return svg(WIDTH, top + 16, "The four floors and their rooms", parts)


def draw_chips(floor: str, top: int) -> tuple[list[str], int]:
    """Return the rooms of a floor as labels in rows, and the height of the rows in pixels."""
    parts, left, row = [], 32.0, 0
    for name in labels(floor):
        width = 20 + LETTER * len(name)
        if left + width > WIDTH - 32:
            left, row = 32.0, row + 1
        y = top + 36 * row
        parts.append(
            f'<rect x="{left:.0f}" y="{y}" width="{width:.0f}" height="26" rx="6" '
            f'fill="{COLORS[floor]}" fill-opacity="0.09"/>'
            f'<text x="{left + 10:.0f}" y="{y + 17}">{name}</text>'
        )
        left += width + 8
    return parts, 36 * row + 26 if parts else 0


# --- The flow -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Box:
    """A node of the pipeline: its place in the grid, counted from 0, and what it makes."""

    column: float
    row: float
    output: str
    color: str = COLORS["components"]

    @property
    def x(self) -> float:
        """The left edge in pixels."""
        return 24 + self.column * 216

    @property
    def y(self) -> float:
        """The upper edge in pixels."""
        return 24 + self.row * 78


BOX_WIDTH, BOX_HEIGHT = 168, 50
BOXES = {
    "TextExampleGen": Box(0, 1, "documents"),
    "DocumentStatistics": Box(1, 0, "statistics"),
    "SchemaGen": Box(2, 0, "schema"),
    "DocumentValidator": Box(3, 0, "anomalies"),
    "VocabularyGen": Box(1, 1, "vocabulary"),
    "InstanceGen": Box(1, 2, "instances"),
    "InstanceStatistics": Box(2, 2, "statistics"),
    "InstanceValidator": Box(3, 2, "anomalies"),
    "CorpusReportGen": Box(2, 1, "report"),
    "Trainer": Box(1, 4.1, "model", COLORS["trainer"]),
    "LatestBlessedModel": Box(2, 3.1, "baseline model", COLORS["core"]),
    "ModelEvaluator": Box(2, 4.1, "evaluation, blessing"),
    "ModelCardGen": Box(3, 4.1, "model card"),
    "Pusher": Box(3, 5.1, "published model"),
}
# Where arrows leave and enter. Omitted: most edges of documents, vocabulary and instances.
EDGES = {
    ("TextExampleGen", "DocumentStatistics"): ("right", "left"),
    ("TextExampleGen", "VocabularyGen"): ("right", "left"),
    ("TextExampleGen", "InstanceGen"): ("right", "left"),
    ("DocumentStatistics", "SchemaGen"): ("right", "left"),
    ("SchemaGen", "DocumentValidator"): ("right", "left"),
    ("VocabularyGen", "InstanceGen"): ("bottom", "top"),
    ("InstanceGen", "CorpusReportGen"): ("right", "left"),
    ("InstanceGen", "InstanceStatistics"): ("right", "left"),
    ("InstanceStatistics", "InstanceValidator"): ("right", "left"),
    ("InstanceGen", "Trainer"): ("bottom", "top"),
    ("Trainer", "ModelEvaluator"): ("right", "left"),
    ("LatestBlessedModel", "ModelEvaluator"): ("bottom", "top"),
    ("ModelEvaluator", "ModelCardGen"): ("right", "left"),
    ("ModelCardGen", "Pusher"): ("bottom", "top"),
    ("ModelEvaluator", "Pusher"): ("bottom", "left"),
}
EXTRA = {"BaseModel", "RunRecord"}  # only with start_from: latest_blessed, and only on Vertex AI


def flow_svg() -> str:
    """Return the picture of the pipeline."""
    check_edges()
    first = BOXES["TextExampleGen"]
    above = (first.x + BOX_WIDTH / 2, first.y - 36)
    parts = [
        f'<text x="{above[0]:.0f}" y="{above[1] - 8:.0f}" text-anchor="middle">text files</text>',
        polyline(above, (above[0], first.y)),
        *(edge(*pair, *sides) for pair, sides in EDGES.items()),
        *(node(name, box) for name, box in BOXES.items()),
    ]
    height = BOXES["Pusher"].y + BOX_HEIGHT + 24
    return svg(WIDTH, int(height), "The pipeline from text to a published model", parts)


def check_edges() -> None:
    """Fail if the drawing and the compiled pipeline disagree about nodes or edges."""
    spec = yaml.safe_load((TOP / "pipeline.yaml").read_text(encoding="utf-8"))
    components = spec.get("pipelineSpec", spec)["components"]
    tasks = next(c["dag"]["tasks"] for c in components.values() if "dag" in c)
    real = {
        (task_name(artifact["taskOutputArtifact"]["producerTask"]), task_name(name))
        for name, task in tasks.items()
        for artifact in task.get("inputs", {}).get("artifacts", {}).values()
    }
    nodes = {task_name(name) for name in tasks} - EXTRA
    if nodes != set(BOXES):
        raise SystemExit(f"docs/tools/drawings.py: draw {nodes ^ set(BOXES)} or remove it.")
    if wrong := set(EDGES) - real:
        raise SystemExit(f"docs/tools/drawings.py: pipeline.yaml does not have the edges {wrong}.")


def task_name(task: str) -> str:
    """Return the node of a task; a resolver compiles to two tasks."""
    return task.removesuffix("-model-blessing-resolver").removesuffix("-model-resolver")


def node(name: str, box: Box) -> str:
    """Return a box with the node's name and what it makes."""
    middle = f'x="{box.x + BOX_WIDTH / 2:.0f}" text-anchor="middle"'
    return (
        f'<rect x="{box.x:.0f}" y="{box.y:.0f}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="8" '
        f'fill="#fff" stroke="{box.color}" stroke-width="1.5"/>'
        f'<text {middle} y="{box.y + 21:.0f}">{name}</text>'
        f'<text {middle} y="{box.y + 39:.0f}" class="small">{box.output}</text>'
    )


def edge(source: str, target: str, leave: str, enter: str) -> str:
    """Return the arrow between two nodes, with a bend if they are not in line."""
    start, end = port(BOXES[source], leave), port(BOXES[target], enter)
    if leave == "right" and start[1] != end[1]:
        middle = (start[0] + end[0]) / 2
        return polyline(start, (middle, start[1]), (middle, end[1]), end)
    # A corner on the line itself would leave a last piece of no length, and a crooked head.
    return polyline(*dict.fromkeys((start, (start[0], end[1]), end)))


def port(box: Box, side: str) -> tuple[float, float]:
    """Return the middle of one side of a box, in pixels."""
    x, y = box.x + BOX_WIDTH / 2, box.y + BOX_HEIGHT / 2
    return {
        "left": (box.x, y),
        "right": (box.x + BOX_WIDTH, y),
        "top": (x, box.y),
        "bottom": (x, box.y + BOX_HEIGHT),
    }[side]


# --- SVG ----------------------------------------------------------------------------------------


def polyline(*points: tuple[float, float]) -> str:
    """Return a line through points, with an arrowhead at its end."""
    path = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
    return f'<polyline class="edge" points="{path}" marker-end="url(#head)"/>'


def svg(width: int, height: int, title: str, parts: list[str]) -> str:
    """Return a whole SVG file on a light ground, readable on light and dark pages."""
    head = (
        '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto"><path class="arrow" d="M0,0 L8,4 L0,8 z"/></marker>'
    )
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="{html.escape(title)}">',
        f"<title>{html.escape(title)}</title><style>{STYLE}</style><defs>{head}</defs>",
        f'<rect width="{width}" height="{height}" rx="12" fill="#f8fafc"/>',
        *parts,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"
