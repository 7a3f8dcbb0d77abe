"""Score the weights of a training on labeled tasks, by frozen probes."""

from collections.abc import Mapping, Sequence

import tensorflow as tf

from core.vocabulary.vocabulary import Vocabulary
from trainer.downstream.examples import Encoded, LabeledTask, encode
from trainer.downstream.probe import compute_metric
from trainer.downstream.task_files import digest_tasks
from trainer.downstream.vectors import predict_by_probe
from trainer.input.parse_records import Batch
from trainer.loop.replicas import first_replica
from trainer.models.families import Model


class TaskProbes:
    """Scores weights with the probe of DownstreamEvaluator. It changes no weight.

    Args:
        tasks: as `read_task_files` returns them.
        strategy: the devices; each computes the same.
        model: the encoder.
        variables: its weights.
        vocabulary: of the model.
    """

    def __init__(
        self,
        tasks: Sequence[LabeledTask],
        strategy: tf.distribute.Strategy,
        model: Model,
        variables: Mapping[str, tf.Variable],
        vocabulary: Vocabulary,
    ) -> None:
        self._strategy = strategy
        self._model = model
        self._variables = variables
        self._tasks: list[tuple[LabeledTask, Encoded, Encoded]] = []
        for task in tasks:
            train, held_out = (
                encode(examples, vocabulary, task.seq_length)
                for examples in (task.train, task.eval)
            )
            self._tasks.append((task, train, held_out))
        self.digest = digest_tasks(tasks)
        self._encode = tf.function(self._encode_batch, autograph=False)

    def __call__(self) -> dict[str, float]:
        """Return the score of each task, named as in ML Metadata."""
        return {f"{task.name}.probe": self._score(task, *splits) for task, *splits in self._tasks}

    def _score(self, task: LabeledTask, train: Encoded, held_out: Encoded) -> float:
        predicted = predict_by_probe(self._encode, train, held_out, task.kind)
        return round(compute_metric(task.metric, held_out.labels, predicted), 6)

    def _encode_batch(self, batch: Batch) -> tf.Tensor:
        def encode_slice() -> tf.Tensor:
            inputs = batch["input_ids"], batch["input_mask"], batch["segment_ids"]
            return self._model.encode(self._variables, *inputs)

        return first_replica(self._strategy, self._strategy.run(encode_slice))
