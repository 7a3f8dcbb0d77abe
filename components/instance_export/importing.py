"""Records that another system wrote to an instances artifact, which our trainer reads."""

import io
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.instance_export.layouts import LAYOUTS
from components.instance_export.reading import LayoutError, read_batches
from components.instance_gen.assembling import Batch, special_table
from components.instance_gen.counting import Tally
from components.instance_gen.encoding import Frames, encode_dynamic, encode_static
from components.instance_gen.masking import Masked, mask_batch
from components.instance_gen.objective import LABEL_COUNTERS, LABELS, NO_LABEL
from components.instance_gen.plan import slots
from components.instance_gen.publishing import copy_vocabulary, publish
from components.instance_gen.tokenizing import Int64
from components.records import write_frames
from components.settings import InstanceSettings
from trainer import storage
from trainer.draw import draw
from trainer.manifest import Manifest
from trainer.settings import MaskingSettings
from trainer.vocabulary import Vocabulary, load_vocabulary


@dataclass(frozen=True)
class Origin:
    """What the records are, which they do not say themselves."""

    paths: Mapping[str, Sequence[str]]  # the files of each split
    layout: str  # one of LAYOUTS
    vocabulary: str  # folder of a vocabulary artifact: the one that the records were made with


def import_instances(
    origin: Origin, settings: InstanceSettings, masking: MaskingSettings, seed: int, folder: str
) -> Manifest:
    """Writes an instances artifact, a shard for each file.

    The tokens that stood at masked positions are put back for the dynamic form; the static form
    keeps the masks, or draws them where the records have none.

    Args:
        origin: the records.
        settings: `form`, `seq_length` and `objective` say what the instances are.
        masking: how masks are drawn; of records with masks, how they were.
        seed: of the masks.
        folder: of the artifact.

    Raises:
        LayoutError: the records are not what the origin says.
    """
    kept = storage.join(folder, "vocabulary")
    copy_vocabulary(origin.vocabulary, kept)
    vocabulary = load_vocabulary(kept)
    most = slots(settings, masking)
    if settings.objective in LABELS and LAYOUTS[origin.layout].label is None:
        raise LayoutError(
            f"Records of {origin.layout} have no label, and instances.objective is "
            f"{settings.objective}. Set it to contiguous or none."
        )
    facts: dict[str, Any] = {
        "form": settings.form,
        "objective": settings.objective,
        "seq_length": settings.seq_length,
        "max_predictions": most,
        "dupe_factor": 1,
        "masking": masking.model_dump(mode="json"),
        "vocab_size": vocabulary.size,
        "vocabulary_digest": vocabulary.digest,
        "imported_layout": origin.layout,
        "seed": seed,
    }
    with tempfile.TemporaryDirectory() as scratch:
        writer = _Writer(origin, settings, masking, most, seed, vocabulary, folder, scratch)
        results = {
            split: [writer.write(split, number, path) for number, path in enumerate(paths)]
            for split, paths in origin.paths.items()
        }
        return publish(folder, results, facts)


@dataclass(frozen=True)
class _Writer:
    """A file of foreign records to a shard of ours."""

    origin: Origin
    settings: InstanceSettings
    masking: MaskingSettings
    max_predictions: int
    seed: int
    vocabulary: Vocabulary
    folder: str
    scratch: str

    def write(self, split: str, number: int, path: str) -> dict[str, Any]:
        """Writes one shard; returns what InstanceGen's units return."""
        is_static = self.settings.form == "static"
        tally = Tally(self.settings.seq_length, self.max_predictions if is_static else None)
        tokens: Int64 = np.zeros(self.vocabulary.size, np.int64)
        total = len(self.origin.paths[split])
        name = f"Split-{split}/instances-{number:05d}-of-{total:05d}.tfrecord.gz"
        frames = self._frames(path, (split, number), tally, tokens)
        shard = write_frames(self.folder, name, frames)
        return {
            "shard": shard.model_dump(),
            "counts": {"documents": 0, "single_sentence_documents": 0, **tally.counts},
            "histograms": tally.histograms(),
            "token_counts": self._save(tokens, split, number),
        }

    def _frames(
        self, path: str, key: tuple[str, int], tally: Tally, tokens: Int64
    ) -> Iterator[Frames]:
        objective = self.settings.objective
        layout = LAYOUTS[self.origin.layout]
        batches = read_batches(path, layout, self.vocabulary, self.settings.seq_length)
        for number, (batch, written) in enumerate(batches):
            tokens += np.bincount(batch.input_ids[batch.maskable], minlength=len(tokens))
            tally.add_batch(batch, self.vocabulary.unk_id, LABEL_COUNTERS.get(objective))
            if self.settings.form == "dynamic":
                yield encode_dynamic(batch, LABELS.get(objective))
                continue
            masked = self._fit(written) if written else self._mask(batch, (*key, number))
            tally.add_masks(batch, masked, self.vocabulary.mask_id)
            yield encode_static(batch, masked, LABELS.get(objective, NO_LABEL))

    def _fit(self, masked: Masked) -> Masked:
        """The masks in N slots; records with fewer get empty ones."""
        if (masked.weights[:, self.max_predictions :] > 0).any():
            raise LayoutError(
                f"the records predict more than {self.max_predictions} tokens. Raise masking.rate "
                f"or instances.max_predictions to what they were made with."
            )
        positions, ids = np.zeros((2, len(masked.ids), self.max_predictions), np.int32)
        weights = np.zeros(ids.shape, np.float32)
        kept = min(self.max_predictions, masked.ids.shape[1])
        positions[:, :kept] = masked.positions[:, :kept]
        ids[:, :kept] = masked.ids[:, :kept]
        weights[:, :kept] = masked.weights[:, :kept]
        return Masked(masked.input_ids, positions, ids, weights)

    def _mask(self, batch: Batch, key: tuple[str, int, int]) -> Masked:
        return mask_batch(
            batch,
            masking=self.masking,
            max_predictions=self.max_predictions,
            mask_id=self.vocabulary.mask_id,
            random_ids=np.flatnonzero(~special_table(self.vocabulary)).astype(np.int32),
            rng=draw(self.seed, "import", *key),
        )

    def _save(self, tokens: Int64, split: str, number: int) -> str:
        content = io.BytesIO()
        np.save(content, tokens, allow_pickle=False)
        path = storage.join(self.scratch, f"token-counts-{split}-{number:05d}.npy")
        storage.write_bytes(path, content.getvalue())
        return path
