"""A model and held-out instances to its losses, beside those of a model that only counts."""

import math
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from trainer import storage
from trainer.batches import Batch, evaluation_batches
from trainer.errors import InputError
from trainer.export import TRANSFORMERS_FOLDER
from trainer.instances import Instances, open_instances, read_token_counts
from trainer.manifest import read_manifest
from trainer.models.bert import Bert
from trainer.models.layers import Dropout
from trainer.models.parameters import make_variables
from trainer.objectives.bert import BertObjective
from trainer.objectives.ratio import Ratio, weighted
from trainer.settings import MaskingSettings
from trainer.transformers_folder import read_transformers_folder

# Whatever rate a model was trained at, it is measured at BERT's, so that models compare.
EVALUATION_MASKING = MaskingSettings(rate=0.15)
Sums = dict[str, Ratio]


class EvaluationError(InputError):
    """A model and instances that cannot be measured together."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How well a model does on a split that it never saw; losses in nats."""

    masked_lm_loss: float  # per masked token
    masked_lm_perplexity: float
    masked_lm_accuracy: float
    unigram_loss: float  # of the train split's token counts, one added to each
    next_sentence_loss: float | None  # None: the instances have no pairs
    next_sentence_accuracy: float | None
    random_next_share: float | None  # of pairs; the best guess without looking is right this often
    instances: int
    masked_tokens: int

    def metrics(self) -> dict[str, float]:
        """Every number that there is, by name."""
        return {name: value for name, value in vars(self).items() if value is not None}


def evaluate(
    model_folder: str, instances_folder: str, split: str, batch_size: int, seed: int
) -> Evaluation:
    """Measures an exported model; the weights are read from its `transformers` folder.

    Args:
        model_folder: from `export_model`.
        instances_folder: an instances artifact of the same vocabulary.
        split: of it.
        batch_size: instances at a time; the result does not depend on it.
        seed: freezes the masks of dynamic instances.

    Raises:
        InputError: a folder is incomplete, or the vocabularies differ.
    """
    instances = open_instances(instances_folder)
    _check_vocabulary(model_folder, instances)
    architecture, values = read_transformers_folder(storage.join(model_folder, TRANSFORMERS_FOLDER))
    objective = BertObjective(Bert(architecture), next_sentence=instances.objective != "none")
    batches = evaluation_batches(
        instances, split, EVALUATION_MASKING, batch_size=batch_size, seed=seed
    )
    unigram = unigram_losses(read_token_counts(instances))
    sums = _add_up(objective, make_variables(values), unigram, batches)
    return _describe({name: _divide(part) for name, part in sums.items()}, sums, instances, split)


def unigram_losses(counts: np.ndarray) -> np.ndarray:
    """What a model that only knows how frequent tokens are loses on each: (V,) float32, nats.

    Args:
        counts: (V,) int64. One is added to each, so that a token that was never seen costs much
            and not everything.
    """
    smoothed = counts.astype(np.float64) + 1
    losses: np.ndarray = -np.log(smoothed / smoothed.sum())
    return losses.astype(np.float32)


def _check_vocabulary(model_folder: str, instances: Instances) -> None:
    digest = read_manifest(model_folder).facts["vocabulary_digest"]
    if digest != instances.vocabulary.digest:
        raise EvaluationError(
            f"{model_folder}: was trained with another vocabulary ({str(digest)[:12]}…) than that "
            f"of {instances.folder} ({instances.vocabulary.digest[:12]}…). Losses over different "
            f"tokens do not compare."
        )


def _add_up(
    objective: BertObjective,
    variables: dict[str, tf.Variable],
    unigram: np.ndarray,
    batches: tf.data.Dataset,
) -> dict[str, tuple[float, float]]:
    """Numerators and denominators over all batches, in double precision."""

    @tf.function
    def measure(batch: Batch) -> Sums:
        losses, measures = objective(variables, batch, Dropout(None))
        baseline = weighted(
            tf.gather(tf.constant(unigram), batch["masked_lm_ids"]), batch["masked_lm_weights"]
        )
        sums = {**losses, **measures, "unigram_loss": baseline}
        if "next_sentence_accuracy" in measures:
            labels = batch["next_sentence_labels"]
            sums["random_next_share"] = weighted(labels, tf.ones_like(labels))
        return sums

    totals: dict[str, tuple[float, float]] = {}
    for batch in batches:
        for name, part in measure(batch).items():
            numerator, denominator = totals.get(name, (0.0, 0.0))
            totals[name] = numerator + float(part.numerator), denominator + float(part.denominator)
    return totals


def _divide(part: tuple[float, float]) -> float:
    return part[0] / part[1] if part[1] else math.nan


def _describe(
    means: dict[str, float],
    sums: dict[str, tuple[float, float]],
    instances: Instances,
    split: str,
) -> Evaluation:
    return Evaluation(
        masked_lm_loss=means["masked_lm_loss"],
        masked_lm_perplexity=math.exp(means["masked_lm_loss"]),
        masked_lm_accuracy=means["masked_lm_accuracy"],
        unigram_loss=means["unigram_loss"],
        next_sentence_loss=means.get("next_sentence_loss"),
        next_sentence_accuracy=means.get("next_sentence_accuracy"),
        random_next_share=means.get("random_next_share"),
        instances=instances.size(split),
        masked_tokens=round(sums["masked_lm_loss"][1]),
    )
