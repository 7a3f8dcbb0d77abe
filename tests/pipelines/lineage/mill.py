"""Make workdirs like those of `textmill run` within milliseconds: real folders, a real store.

The folders are written by the same code as in a pipeline (manifests, shards, the publisher), and
the store through ml_metadata's own API with the same events as TFX. Only training is faked: the
weights are a digest of the settings.
"""

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as pb

from components.text_example_gen.reading.fingerprint import corpus_digest
from tests.pipelines.lineage.mill_folders import Outputs, Plan, Writer, text_digest

TYPES = {
    "TextExampleGen": "components.text_example_gen.component.TextExampleGen",
    "DocumentStatistics": "components.statistics_gen.component.StatisticsGen",
    "VocabularyGen": "components.vocabulary_gen.component.VocabularyGen",
    "InstanceGen": "components.instance_gen.component.InstanceGen",
    "CorpusReportGen": "components.corpus_report.component.CorpusReportGen",
    "Trainer": "tfx.components.trainer.component.Trainer",
    "LatestBlessedModel": "tfx.dsl.components.common.resolver.Resolver",
    "ModelEvaluator": "components.model_evaluator.component.ModelEvaluator",
    "ModelCardGen": "components.model_card.component.ModelCardGen",
    "Pusher": "components.publisher.component.Publisher",
}
ARTIFACT_TYPES = {
    "examples": "Examples", "statistics": "ExampleStatistics",
    "vocabulary": "components.Vocabulary",
    "instances": "Examples", "schema": "Schema", "report": "components.CorpusReport",
    "model": "Model", "model_run": "ModelRun", "evaluation": "ModelEvaluation",
    "blessing": "ModelBlessing", "model_card": "components.ModelCard",
    "pushed_model": "PushedModel",
}  # fmt: skip


class Mill:
    """One workdir. Each run reuses the outputs that an earlier run made from the same inputs."""

    def __init__(self, workdir: Path, *, files: bool = True) -> None:
        """Open the store.

        Args:
            workdir: created if needed.
            files: write the artifacts' folders; if False, only write to the store.
        """
        self.workdir, self.files = workdir, files
        workdir.mkdir(parents=True, exist_ok=True)
        config = pb.ConnectionConfig()
        config.sqlite.filename_uri = str(workdir / "metadata.sqlite")
        config.sqlite.connection_mode = pb.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        self.store = metadata_store.MetadataStore(config)
        self._types: dict[str, int] = {}
        self._contexts: dict[tuple[str, str], pb.Context] = {}
        self._made: dict[str, tuple[int, Outputs]] = {}
        self._blessed: list[Outputs] = []
        self._runs = 0

    def run(self, **changes: Any) -> str:
        """Run the whole pipeline and return the run's id; `changes` are fields of `Plan`."""
        plan = Plan(**changes)
        self._runs += 1
        run_id = f"20261123T{self._runs // 3600:02}{self._runs // 60 % 60:02}{self._runs % 60:02}Z"
        self._context("pipeline_run", run_id)
        work = _Run(self, plan, run_id)
        with contextlib.suppress(_Stopped):
            work.execute()
        self._write_run_folder(run_id, plan)
        return run_id

    def _write_run_folder(self, run_id: str, plan: Plan) -> None:
        folder = self.workdir / "runs" / run_id
        folder.mkdir(parents=True)
        (folder / "recipe.yaml").write_text(f"trainer: {{steps: {plan.steps}}}", encoding="utf-8")
        if plan.killed_at is None:
            state, error = (
                ("failed", "ValueError: out of luck") if plan.fails_at else ("succeeded", None)
            )
            content = {
                "run_id": run_id, "recipe": "tiny", "state": state, "error": error, "seconds": 61.5,
                "git": {"commit": plan.commit, "dirty": plan.dirty}, "nodes": [], "places": {},
            }  # fmt: skip
            (folder / "summary.json").write_text(json.dumps(content), encoding="utf-8")

    def _context(self, kind: str, name: str) -> pb.Context:
        if (kind, name) not in self._contexts:
            context = pb.Context(type_id=self._type("context", kind), name=name)
            (context.id,) = self.store.put_contexts([context])
            self._contexts[kind, name] = context
        return self._contexts[kind, name]

    def _type(self, kind: str, name: str) -> int:
        if name not in self._types:
            made = {"context": pb.ContextType, "execution": pb.ExecutionType,
                    "artifact": pb.ArtifactType}[kind](name=name)  # fmt: skip
            self._types[name] = getattr(self.store, f"put_{kind}_type")(made)
        return self._types[name]


class _Stopped(Exception):
    pass


class _Run:
    """One run in progress."""

    def __init__(self, mill: Mill, plan: Plan, run_id: str) -> None:
        self.mill, self.plan, self.run_id = mill, plan, run_id

    def execute(self) -> None:
        """Run all nodes in the order of the real pipeline."""
        plan = self.plan
        text = corpus_digest([("a.txt", text_digest(plan.documents))])
        base = {"code_digest": "44e0a9f3f009675a"}
        documents = self._node(
            "TextExampleGen", ["examples"], {},
            {**base, "input_fingerprint": text, "span": 0, "input_base": "/text",
             "text_settings": '{"language":"en","eval_fraction":0.3}'},
        )  # fmt: skip
        self._node("DocumentStatistics", ["statistics"], {"examples": documents["examples"]}, {})
        vocabulary = self._node(
            "VocabularyGen", ["vocabulary"], {"documents": documents["examples"]},
            {**base, "vocabulary_settings": '{"size":60}'},
        )  # fmt: skip
        instances = self._node(
            "InstanceGen", ["instances", "schema"],
            {"documents": documents["examples"], "vocabulary": vocabulary["vocabulary"]},
            {**base, "seed": 7, "instance_settings": '{"form":"dynamic","seq_length":64}',
             "masking_settings": '{"rate":0.15}'},
        )  # fmt: skip
        inputs = {"documents": documents["examples"], "vocabulary": vocabulary["vocabulary"],
                  "instances": instances["instances"]}  # fmt: skip
        self._node("CorpusReportGen", ["report"], inputs, base)
        self._model_nodes(inputs)

    def _model_nodes(self, data: Outputs) -> None:
        plan = self.plan
        training: dict[str, Any] = {
            "seed": 7, "checkpoint_root": "/x", "code_digest": plan.trainer_code,
            "masking": {"rate": 0.15},
            "trainer": {"learning_rate": plan.learning_rate, "steps": plan.steps},
        }  # fmt: skip
        if plan.start_from:
            training["model"] = {"start_from": plan.start_from}
        trained = self._node(
            "Trainer", ["model", "model_run"], {"examples": data["instances"]},
            {"run_fn": "trainer.run_fn.run_fn", "train_args": "{}",
             "custom_config": json.dumps({"training": json.dumps(training)})},
        )  # fmt: skip
        model = trained["model"]
        others = [blessed for blessed in self.mill._blessed if blessed["model"].id != model.id]
        latest = {"model": others[-1]["model"]} if others else {}
        self._publish(
            "LatestBlessedModel",
            {},
            {**latest, "candidate": model},
            {},
            kind=pb.Event.INTERNAL_OUTPUT,
        )
        baseline = {"baseline_model": latest["model"]} if latest else {}
        evaluated = self._node(
            "ModelEvaluator", ["evaluation", "blessing"],
            {"model": model, "instances": data["instances"], **baseline},
            {"code_digest": "66b605211218fae4", "seed": 7,
             "evaluation_settings": '{"batch_size":64}'},
        )  # fmt: skip
        if plan.blessed:
            self.mill._blessed.append({"model": model})
        card = self._node(
            "ModelCardGen", ["model_card"],
            {"model": model, "evaluation": evaluated["evaluation"], **data},
            {"code_digest": "569cb3faffc9f2db", "card_settings": '{"recipe":"tiny"}'},
        )  # fmt: skip
        self._node(
            "Pusher", ["pushed_model"],
            {"model": model, "model_blessing": evaluated["blessing"], **card},
            {"code_digest": "b84b2e8f020937e4",
             "destination": str(self.mill.workdir / "published" / "tiny")},
        )  # fmt: skip

    def _node(
        self, node: str, keys: list[str], inputs: Outputs, settings: Mapping[str, Any]
    ) -> Outputs:
        """Run a node, or take its cached outputs."""
        read = {key: artifact.id for key, artifact in inputs.items()}
        key = _digest([node, read, dict(settings)])
        if key in self.mill._made:
            _, outputs = self.mill._made[key]
            self._publish(node, inputs, outputs, settings, state=pb.Execution.CACHED)
            return outputs
        if node in (self.plan.fails_at, self.plan.killed_at):
            state = pb.Execution.FAILED if self.plan.fails_at else pb.Execution.RUNNING
            self._publish(node, inputs, {}, settings, state=state)
            raise _Stopped
        number = len(self.mill._made) + 1
        outputs = {}
        for name in keys:
            artifact = pb.Artifact(
                type_id=self.mill._type("artifact", ARTIFACT_TYPES[name]),
                uri=str(self.mill.workdir / "artifacts" / "tiny" / node / name / str(number)),
                state=pb.Artifact.LIVE,
            )
            artifact.custom_properties["tfx_version"].string_value = "1.16.0"
            outputs[name] = artifact
        Writer(self.plan, self.mill.files).write(node, inputs, outputs, settings)
        self._publish(node, inputs, outputs, settings)
        self.mill._made[key] = (number, outputs)
        return outputs

    def _publish(
        self, node: str, inputs: Outputs, outputs: Outputs, settings: Mapping[str, Any], *,
        state: int = pb.Execution.COMPLETE, kind: int = pb.Event.OUTPUT,
    ) -> None:  # fmt: skip
        mill = self.mill
        execution = pb.Execution(
            type_id=mill._type("execution", TYPES[node]), last_known_state=state,
            name=f"{self.run_id}.{node}",
        )  # fmt: skip
        for name, value in settings.items():
            _set(execution.custom_properties[name], value)
        events = [(artifact, _event(pb.Event.INPUT, key)) for key, artifact in inputs.items()]
        events += [(artifact, _event(kind, key)) for key, artifact in outputs.items()]
        contexts = [mill._context("pipeline", "tiny"), mill._context("pipeline_run", self.run_id),
                    mill._context("node", f"tiny.{node}")]  # fmt: skip
        _, numbers, _ = mill.store.put_execution(execution, events, contexts)
        for (artifact, _), number in zip(events, numbers, strict=True):
            artifact.id = number


def _event(kind: int, key: str) -> pb.Event:
    event = pb.Event(type=kind)
    event.path.steps.add().key = key
    event.path.steps.add().index = 0
    return event


def _set(value: pb.Value, content: Any) -> None:
    if isinstance(content, int):
        value.int_value = content
    else:
        value.string_value = content


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
