"""Mix sources: choose which documents of each to keep, and how often each is repeated.

The last half of a document's id, a hash of its content, decides whether it is kept. So the choice
does not depend on the order of the files, and more weight only adds documents.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from components.text_example_gen.reading.errors import CorpusError
from components.text_example_gen.splits import SPLITS
from components.text_settings import SourceSettings

KEEP_ALL = 1 << 64


@dataclass(frozen=True)
class SourceShare:
    """How much of a source to write."""

    keep: int = KEEP_ALL  # a document is kept if the last half of its id is below this
    repeat: int = 1  # copies of a kept document in train

    def count_copies(self, document_id: str, split: int) -> int:
        """Return how often to write a document; 0 leaves it out."""
        if int(document_id[16:], 16) >= self.keep:
            return 0
        return self.repeat if SPLITS[split] == "train" else 1


Mix = dict[str, SourceShare]


def plan_mix(sources: tuple[SourceSettings, ...], text_bytes: Mapping[str, int]) -> Mix:
    """Return the largest mix of the sources that has the shares of their weights.

    Args:
        sources: with weights, or all without.
        text_bytes: of each source's documents in the train split, each counted once.

    Raises:
        CorpusError: a source that has weight has no text.
    """
    weighed = [source for source in sources if source.weight]
    if not weighed:  # none has a weight, because weights that add up to 0 are refused
        return {source.name: SourceShare(repeat=source.repeat) for source in sources}
    for source in weighed:
        if not text_bytes.get(source.name):
            raise CorpusError(
                f"The source {source.name} has no document in the train split, so it cannot have a "
                f"share. Give it more text, or set its weight in text.sources to 0."
            )
    available = {s.name: text_bytes.get(s.name, 0) * s.repeat for s in sources}
    weights = {source.name: Fraction(source.weight or 0) for source in sources}
    scale = min(available[source.name] / weights[source.name] for source in weighed)
    return {
        source.name: SourceShare(
            int(KEEP_ALL * scale * weights[source.name] / max(available[source.name], 1)),
            source.repeat,
        )
        for source in sources
    }
