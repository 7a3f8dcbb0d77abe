"""Evaluate a model on held-out instances, against a unigram baseline."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from core.draw import draw_seed
from core.errors import InputError
from core.manifest import OF_SOURCE, read_manifest, verified_files
from core.progress import Advance, show_progress
from trainer.huggingface.read import read_model
from trainer.input.batches import evaluation_batches
from trainer.input.instances import Instances, open_instances, read_token_counts, verify_instances
from trainer.input.parse_records import Batch
from trainer.input.sources import SOURCE_IDS
from trainer.models.parameters import make_variables
from trainer.objectives.choose import make_objective
from trainer.objectives.objective import Objective, Ratio, weighted, weighted_by_row
from trainer.row_draws import RowDraws
from trainer.settings.masking import MaskingSettings
from trainer.settings.model import ElectraSettings

# Every model is evaluated at BERT's rate, so that models trained at other rates can be compared.
EVALUATION_MASKING = MaskingSettings(rate=0.15)
# ELECTRA's generator never sees random tokens in training and would copy them, so every predicted
# token is masked.
ELECTRA_MASKING = MaskingSettings(rate=0.15, mask_share=1.0, random_share=0.0)
FloatRatios = dict[str, tuple[float, float]]  # numerators and denominators


class EvaluationError(InputError):
    """A model that cannot be evaluated on the given instances."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The metrics of a model on a held-out split; losses in nats."""

    masked_lm_loss: float  # per masked token; for ELECTRA, of its generator
    masked_lm_perplexity: float
    masked_lm_accuracy: float
    unigram_loss: float  # baseline from the token counts of the train split
    instances: int
    masked_tokens: int
    others: Mapping[str, float]  # metrics of only some types of models, by name

    def metrics(self) -> dict[str, float]:
        """Return all metrics by name.

        Models of pairs add `<pair>_loss`, `<pair>_accuracy`, and the share of label 1 as
        `random_next_share` or `swapped_share`. ELECTRA adds `replaced_token_loss`, `…_accuracy`,
        `…_precision`, `…_recall` and `…_auc` (the probability that a replaced token scores above an
        original one). Text of several sources adds `masked_lm_loss_of_<source>` and
        `unigram_loss_of_<source>`.
        """
        own = {name: value for name, value in vars(self).items() if name != "others"}
        return {**own, **self.others}


def evaluate(
    model_folder: str, instances_folder: str, split: str, batch_size: int, seed: int
) -> Evaluation:
    """Evaluate an exported model, with the weights from its `transformers` folder.

    The seed determines, together with the batch size, the masks of dynamic instances and the
    samples of ELECTRA's generator.

    Raises:
        InputError: a folder is incomplete or damaged, or the vocabularies differ.
    """
    instances = open_instances(instances_folder)
    _check_vocabulary(model_folder, instances)
    with verified_files(model_folder) as folder:
        architecture, values = read_model(folder)
    instances = verify_instances(instances, split)
    objective = make_objective(architecture, instances.pair, ElectraSettings())
    batches = evaluation_batches(
        instances, split, evaluation_masking(architecture.type), batch_size=batch_size, seed=seed
    )
    unigram = unigram_losses(read_token_counts(instances))
    variables = make_variables({name: values[name] for name in objective.model.parameters()})
    with show_progress("ModelEvaluator", "instances", instances.size(split)) as advance:
        counted = (_count(batch, advance) for batch in batches)
        return measure(objective, variables, counted, unigram, seed, instances.sources(split))


def _count(batch: Batch, advance: Advance) -> Batch:
    advance(len(batch["input_ids"]))
    return batch


def evaluation_masking(model_type: str) -> MaskingSettings:
    """Return the masking settings to evaluate a type of model with."""
    return ELECTRA_MASKING if model_type == "electra" else EVALUATION_MASKING


def measure(
    objective: Objective,
    variables: Mapping[str, tf.Variable],
    batches: Iterable[Batch],
    unigram: np.ndarray,
    seed: int,
    sources: Sequence[str] = (),
) -> Evaluation:
    """Evaluate weights on batches.

    Args:
        objective: computes the losses.
        variables: the weights.
        batches: from `evaluation_batches`.
        unigram: from `unigram_losses`.
        seed: fixes ELECTRA's samples.
        sources: the names of the text's sources, if it has several.
    """
    sums, histograms, instances = _sum_batches(
        objective, variables, batches, unigram, seed, sources
    )
    means = divide(sums)
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
    """Return the loss of each token under a unigram model: (V,) float32, nats.

    One is added to each count (V,), so that unseen tokens have a finite loss.
    """
    smoothed = counts.astype(np.float64) + 1
    losses: np.ndarray = -np.log(smoothed / smoothed.sum())
    return losses.astype(np.float32)


def area_under_curve(positives: np.ndarray, negatives: np.ndarray) -> float:
    """Return the probability that a positive is in a higher bin than a negative; ties count half.

    Both are numbers of cases per bin of the score, (BINS,).
    """
    pairs = float(positives.sum()) * float(negatives.sum())
    below = np.cumsum(negatives) - negatives
    return float((positives * (below + negatives / 2)).sum()) / pairs if pairs else math.nan


def sum_by_source(
    by_row: Mapping[str, Ratio], batch: Batch, sources: Sequence[str]
) -> dict[str, Ratio]:
    """Add up the ratios of the rows of each source, as `<name>_of_<source>`."""
    sums = {}
    for name, ratio in by_row.items() if sources else ():
        parts = (tf.math.unsorted_segment_sum(x, batch[SOURCE_IDS], len(sources)) for x in ratio)
        for source, *of_source in zip(sources, *map(tf.unstack, parts), strict=True):
            sums[f"{name}{OF_SOURCE}{source}"] = Ratio(*of_source)
    return sums


def divide(sums: Mapping[str, Iterable[float]]) -> dict[str, float]:
    """Return means by name; that of nothing is NaN, and a source without instances has none."""
    return {
        name: float(n / d) if d else math.nan
        for name, (n, d) in sums.items()
        if d or OF_SOURCE not in name
    }


def _check_vocabulary(model_folder: str, instances: Instances) -> None:
    digest = read_manifest(model_folder).facts["vocabulary_digest"]
    if digest != instances.vocabulary.digest:
        raise EvaluationError(
            f"{model_folder}: was trained with another vocabulary ({str(digest)[:12]}…) than that "
            f"of {instances.folder} ({instances.vocabulary.digest[:12]}…), so its losses would not "
            f"be comparable. Use instances made with the model's vocabulary."
        )


def _sum_batches(
    objective: Objective,
    variables: Mapping[str, tf.Variable],
    batches: Iterable[Batch],
    unigram: np.ndarray,
    seed: int,
    sources: Sequence[str],
) -> tuple[FloatRatios, dict[str, np.ndarray], int]:
    """Return sums and histograms over all batches, in double precision, and the instance count."""
    noise_seed = draw_seed(seed, "evaluation noise")

    @tf.function(reduce_retracing=True, autograph=False)
    def evaluate_batch(
        batch: Batch, number: tf.Tensor
    ) -> tuple[dict[str, Ratio], dict[str, tf.Tensor]]:
        rows = RowDraws(tf.stack([noise_seed, number]), 0, tf.shape(batch["input_ids"])[0])
        outcome = objective.evaluate(variables, batch, rows)
        slots = batch["masked_lm_weights"]
        baseline = tf.gather(tf.constant(unigram), batch["masked_lm_ids"])
        sums = {**outcome.losses, **outcome.measures, "unigram_loss": weighted(baseline, slots)}
        by_row = {**outcome.by_row, "unigram_loss": weighted_by_row(baseline, slots)}
        sums |= sum_by_source(by_row, batch, sources)
        return sums, outcome.histograms

    sums: FloatRatios = {}
    histograms: dict[str, np.ndarray] = {}
    instances = 0
    for number, batch in enumerate(batches):
        ratios, counts = evaluate_batch(batch, tf.constant(number, tf.int32))
        for name, ratio in ratios.items():
            numerator, denominator = sums.get(name, (0.0, 0.0))
            sums[name] = numerator + float(ratio.numerator), denominator + float(ratio.denominator)
        for name, count in counts.items():
            histograms[name] = histograms.get(name, 0.0) + count.numpy().astype(np.float64)
        instances += len(batch["input_ids"])
    return sums, histograms, instances
