"""A model and held-out instances to its losses, beside those of a model that only counts."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from core.draw import draw_seed
from core.errors import InputError
from core.manifest import read_manifest, verify_shards
from trainer.draws import RowDraws
from trainer.huggingface.read import read_model
from trainer.input.batches import evaluation_batches
from trainer.input.instances import Instances, open_instances, read_token_counts, verify_instances
from trainer.input.parse_records import Batch
from trainer.models.parameters import make_variables
from trainer.objectives.choose import PreTraining, objective_of
from trainer.objectives.ratio import Ratio, weighted
from trainer.settings.masking import MaskingSettings
from trainer.settings.model import ElectraSettings

# Whatever rate a model was trained at, it is measured at BERT's, so that models compare.
EVALUATION_MASKING = MaskingSettings(rate=0.15)
# ELECTRA's generator never meets random tokens, and would copy them; so all that it predicts is
# masked, as nearly all is in its training.
ELECTRA_MASKING = MaskingSettings(rate=0.15, mask_share=1.0, random_share=0.0)
Sums = dict[str, tuple[float, float]]  # numerators and denominators


class EvaluationError(InputError):
    """A model and instances that cannot be measured together."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How well a model does on a split that it never saw; losses in nats."""

    masked_lm_loss: float  # per masked token; of an ELECTRA, its generator's
    masked_lm_perplexity: float
    masked_lm_accuracy: float
    unigram_loss: float  # of the train split's token counts, one added to each
    instances: int
    masked_tokens: int
    others: Mapping[str, float]  # what only some types of models have, by name

    def metrics(self) -> dict[str, float]:
        """Every number, by name.

        Models of pairs add `<pair>_loss`, `<pair>_accuracy`, and the share of label 1 as
        `random_next_share` or `swapped_share`. ELECTRA adds `replaced_token_loss`, `…_accuracy`,
        `…_precision`, `…_recall` and `…_auc`: the chance that a replaced token scores above an
        original one.
        """
        own = {name: value for name, value in vars(self).items() if name != "others"}
        return {**own, **self.others}


def evaluate(
    model_folder: str, instances_folder: str, split: str, batch_size: int, seed: int
) -> Evaluation:
    """Measures an exported model; the weights are read from its `transformers` folder.

    Args:
        model_folder: from `export_model`.
        instances_folder: an instances artifact of the same vocabulary.
        split: of it.
        batch_size: instances at a time.
        seed: freezes, with the batch size, what is drawn: the masks of dynamic instances, and
            the tokens that ELECTRA's generator samples.

    Raises:
        InputError: a folder is incomplete, or the vocabularies differ.
    """
    instances = open_instances(instances_folder)
    _check_vocabulary(model_folder, instances)
    verify_shards(model_folder, read_manifest(model_folder))
    verify_instances(instances)
    architecture, values = read_model(model_folder)
    objective = objective_of(architecture, instances.pair, ElectraSettings())
    batches = evaluation_batches(
        instances,
        split,
        evaluation_masking(architecture.type),
        batch_size=batch_size,
        seed=seed,
    )
    unigram = unigram_losses(read_token_counts(instances))
    variables = make_variables({name: values[name] for name in objective.model.parameters()})
    return measure(objective, variables, batches, unigram, seed)


def evaluation_masking(model_type: str) -> MaskingSettings:
    """What is masked where a model of this type is measured."""
    return ELECTRA_MASKING if model_type == "electra" else EVALUATION_MASKING


def measure(
    objective: PreTraining,
    variables: Mapping[str, tf.Variable],
    batches: Iterable[Batch],
    unigram: np.ndarray,
    seed: int,
) -> Evaluation:
    """Measures weights on batches; `unigram` is from `unigram_losses`."""
    sums, histograms, instances = _add_up(objective, variables, batches, unigram, seed)
    means = {name: n / d if d else math.nan for name, (n, d) in sums.items()}
    if histograms:
        means["replaced_token_auc"] = area_under_curve(
            histograms["replaced"], histograms["original"]
        )
    return Evaluation(
        masked_lm_loss=means["masked_lm_loss"],
        masked_lm_perplexity=math.exp(means["masked_lm_loss"]),
        masked_lm_accuracy=means["masked_lm_accuracy"],
        unigram_loss=means["unigram_loss"],
        instances=instances,
        masked_tokens=round(sums["masked_lm_loss"][1]),
        others={n: v for n, v in means.items() if n not in Evaluation.__dataclass_fields__},
    )


def unigram_losses(counts: np.ndarray) -> np.ndarray:
    """What a model that only knows how frequent tokens are loses on each: (V,) float32, nats.

    Args:
        counts: (V,) int64. One is added to each, so that a token that was never seen costs much
            and not everything.
    """
    smoothed = counts.astype(np.float64) + 1
    losses: np.ndarray = -np.log(smoothed / smoothed.sum())
    return losses.astype(np.float32)


def area_under_curve(positives: np.ndarray, negatives: np.ndarray) -> float:
    """The chance that a positive lies in a higher bin than a negative; ties count half.

    Args:
        positives: (BINS,) how many positives each bin of the score holds.
        negatives: (BINS,) the same of the negatives.
    """
    pairs = float(positives.sum()) * float(negatives.sum())
    below = np.cumsum(negatives) - negatives
    return float((positives * (below + negatives / 2)).sum()) / pairs if pairs else math.nan


def _check_vocabulary(model_folder: str, instances: Instances) -> None:
    digest = read_manifest(model_folder).facts["vocabulary_digest"]
    if digest != instances.vocabulary.digest:
        raise EvaluationError(
            f"{model_folder}: was trained with another vocabulary ({str(digest)[:12]}…) than that "
            f"of {instances.folder} ({instances.vocabulary.digest[:12]}…). Losses over different "
            f"tokens do not compare."
        )


def _add_up(
    objective: PreTraining,
    variables: Mapping[str, tf.Variable],
    batches: Iterable[Batch],
    unigram: np.ndarray,
    seed: int,
) -> tuple[Sums, dict[str, np.ndarray], int]:
    """Sums and histograms over all batches in double precision, and the number of instances."""
    noise_seed = draw_seed(seed, "evaluation noise")

    @tf.function(reduce_retracing=True)
    def of_batch(batch: Batch, number: tf.Tensor) -> tuple[dict[str, Ratio], dict[str, tf.Tensor]]:
        rows = RowDraws(tf.stack([noise_seed, number]), 0, tf.shape(batch["input_ids"])[0])
        outcome = objective.evaluate(variables, batch, rows)
        slots = batch["masked_lm_weights"]
        baseline = weighted(tf.gather(tf.constant(unigram), batch["masked_lm_ids"]), slots)
        sums = {**outcome.losses, **outcome.measures, "unigram_loss": baseline}
        return sums, outcome.histograms

    sums: Sums = {}
    histograms: dict[str, np.ndarray] = {}
    instances = 0
    for number, batch in enumerate(batches):
        parts, counts = of_batch(batch, tf.constant(number, tf.int32))
        for name, part in parts.items():
            numerator, denominator = sums.get(name, (0.0, 0.0))
            sums[name] = numerator + float(part.numerator), denominator + float(part.denominator)
        for name, count in counts.items():
            histograms[name] = histograms.get(name, 0.0) + count.numpy().astype(np.float64)
        instances += len(batch["input_ids"])
    return sums, histograms, instances
