"""Lay out a graph on a grid, so that every edge goes forward and few edges cross.

layer 0           1                2              3
TextExampleGen ─► VocabularyGen ─► InstanceGen ─► Trainer
              └─► Statistics
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

SWEEPS = 6  # over all layers, to move nodes next to their neighbors
Edges = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class DagLayout:
    """Positions of nodes. The page draws layers left to right, or top to bottom on a phone."""

    places: Mapping[str, tuple[int, float]]  # layer and row, both from 0
    edges: tuple[tuple[str, str], ...]  # to draw, without those that other edges imply
    layers: int
    rows: int


def lay_out(nodes: Iterable[str], edges: Iterable[tuple[str, str]]) -> DagLayout:
    """Lay out the nodes of an acyclic graph.

    Args:
        nodes: the first of two equally good nodes comes first.
        edges: from and to; edges of unknown nodes are ignored.
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
    return DagLayout(
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
    """Drop each edge that a longer path implies (transitive reduction)."""
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
    """Return the length of the longest path to each node."""
    before: dict[str, list[str]] = {name: [] for name in names}
    for first, second in edges:
        before[second].append(first)
    lengths: dict[str, int] = {}

    def layer(name: str) -> int:
        if name not in lengths:
            lengths[name] = 0  # stops the recursion, should there be a cycle
            lengths[name] = 1 + max((layer(source) for source in before[name]), default=-1)
        return lengths[name]

    return {name: layer(name) for name in names}


def _order(layer: list[str], layers: list[list[str]], edges: Edges) -> None:
    """Sort a layer by the mean position of each node's neighbors, relative to the middle."""
    at = {n: row - (len(names) - 1) / 2 for names in layers for row, n in enumerate(names)}
    near: dict[str, list[float]] = {name: [] for name in layer}
    for first, second in edges:
        if first in near:
            near[first].append(at[second])
        if second in near:
            near[second].append(at[first])
    layer.sort(key=lambda name: fmean(near[name]) if near[name] else at[name])
