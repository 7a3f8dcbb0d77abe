"""Nodes and edges to places on a grid: every edge goes forward, and few cross.

layer 0          1                2              3
TextExampleGen ─► VocabularyGen ─► InstanceGen ─► Trainer
└─► Statistics
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

SWEEPS = 6  # over all layers, to put nodes beside their neighbours
Edges = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Layout:
    """Where each node goes; the page draws it lying on a desk and standing on a phone."""

    places: Mapping[str, tuple[int, float]]  # layer from 0, and row from 0
    edges: tuple[tuple[str, str], ...]  # what is drawn: no edge that others imply
    layers: int
    rows: int


def lay_out(nodes: Iterable[str], edges: Iterable[tuple[str, str]]) -> Layout:
    """Places the nodes of a graph without circles.

    Args:
        nodes: in the order in which ties are broken.
        edges: from and to; those of unknown nodes are left out.
    """
    names = list(dict.fromkeys(nodes))
    known = frozenset((a, b) for a, b in edges if a in names and b in names and a != b)
    drawn = reduce_edges(names, known)
    layer_of = _layers(names, drawn)
    layers = [
        [n for n in names if layer_of[n] == i] for i in range(max(layer_of.values(), default=0) + 1)
    ]
    for sweep in range(SWEEPS):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            _order(layer, layers, drawn)
    rows = max((len(layer) for layer in layers), default=0)
    return Layout(
        places={
            name: (number, row + (rows - len(layer)) / 2)
            for number, layer in enumerate(layers)
            for row, name in enumerate(layer)
        },
        edges=tuple(sorted(drawn)),
        layers=len(layers),
        rows=rows,
    )


def reduce_edges(names: list[str], edges: Edges) -> Edges:
    """Leaves out each edge that a longer way implies (the transitive reduction)."""
    after: dict[str, set[str]] = {name: set() for name in names}
    for first, second in edges:
        after[first].add(second)

    def reachable(start: str, seen: set[str]) -> set[str]:
        for name in after[start] - seen:
            seen.add(name)
            reachable(name, seen)
        return seen

    return frozenset(
        (a, b) for a, b in edges
        if not any(b in reachable(c, set()) for c in after[a] if c != b)
    )  # fmt: skip


def _layers(names: list[str], edges: Edges) -> dict[str, int]:
    """The longest way to each node."""
    before: dict[str, list[str]] = {name: [] for name in names}
    for first, second in edges:
        before[second].append(first)
    found: dict[str, int] = {}

    def layer(name: str) -> int:
        if name not in found:
            found[name] = 0  # ends a walk in circles, of which a pipeline has none
            found[name] = 1 + max((layer(source) for source in before[name]), default=-1)
        return found[name]

    return {name: layer(name) for name in names}


def _order(layer: list[str], layers: list[list[str]], edges: Edges) -> None:
    """Sorts a layer by where its neighbours are, seen from each layer's middle."""
    at = {n: row - (len(names) - 1) / 2 for names in layers for row, n in enumerate(names)}
    near: dict[str, list[float]] = {name: [] for name in layer}
    for first, second in edges:
        if first in near:
            near[first].append(at[second])
        if second in near:
            near[second].append(at[first])
    layer.sort(key=lambda name: fmean(near[name]) if near[name] else at[name])
