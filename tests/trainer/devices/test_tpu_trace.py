"""What a TPU would run: the real loop, traced under the real `TPUStrategy` without a TPU."""

import pytest
import tensorflow as tf

from tests.trainer.conftest import MakeSettings
from tests.trainer.devices.made_up_tpu import trace
from tests.trainer.test_replicas import DISENTANGLED, MODELS

FORBIDDEN_TYPES = {tf.string.as_datatype_enum, tf.float64.as_datatype_enum}
HOST_ONLY = ("PyFunc", "Print", "Assert", "Recv", "Send", "HostCompute", "Outfeed", "Infeed")


@pytest.mark.parametrize(
    ("kind", "trainer", "bodies"),
    [
        ("bert", {"accumulate_steps": 2, "length_buckets": [16]}, ("Case", "While")),
        ("albert", {"optimizer": "lamb", "recompute": "layers"}, ()),
        ("electra", {"length_buckets": [16, 24], "precision": "float32"}, ("Case",)),
        ("disentangled", {}, ()),
    ],
)
def test_the_loop_on_a_tpu_sums_over_cores_and_asks_nothing_of_its_host(
    kind: str, trainer: dict[str, object], bodies: tuple[str, ...], make_settings: MakeSettings
) -> None:
    model = {**MODELS, "disentangled": DISENTANGLED}[kind]
    traced = trace(make_settings(model, **{"precision": "bfloat16", **trainer}))
    assert traced.on_host["While"] or traced.on_host["StatelessWhile"], "the loop over steps"
    for body in bodies:
        assert any(op.endswith(body) for op in traced.on_tpu), f"{body} is on the TPU"
    # One sum per weight, and those of losses, measures and denominators.
    updates = traced.on_tpu["AssignVariableOp"]
    assert updates % 3 == 0, "a weight and its two moments"
    assert traced.on_tpu["CrossReplicaSum"] == updates // 3 + 3
    assert traced.on_tpu["XlaOptimizationBarrier"] > 0, "attention is computed again"
    assert not [op for op in traced.on_tpu if any(part in op for part in HOST_ONLY)]
    assert not traced.types & FORBIDDEN_TYPES
    assert not traced.on_host["MatMul"] + traced.on_host["BatchMatMulV2"]
