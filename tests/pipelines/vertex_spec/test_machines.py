"""Tests that Vertex AI accepts the supported machines, and that others are refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from google.cloud import aiplatform_v1 as v1

from core.errors import InputError
from pipelines.machines.presets import (
    PRICES,
    MachineError,
    Preset,
    PriceError,
    hourly_price,
    load_prices,
    preset,
    presets,
)
from pipelines.recipe.file import load_recipe
from pipelines.vertex.commands.machines import print_machines
from pipelines.vertex.compile.compile_recipe import custom_job
from pipelines.vertex.compile.worker_pools import LIBTPU, worker_pools

IMAGE = "us-docker.pkg.dev/p/textmill/trainer@sha256:" + "ab" * 32
# From cloud.google.com/vertex-ai/docs/training/configure-compute.
EXPECTED = {
    "cpu": {"machine_type": "n2-standard-32"},
    "a100": {"machine_type": "a2-highgpu-1g", "accelerator_type": "NVIDIA_TESLA_A100", "n": 1},
    "a100-8": {"machine_type": "a2-highgpu-8g", "accelerator_type": "NVIDIA_TESLA_A100", "n": 8},
    "l4": {"machine_type": "g2-standard-12", "accelerator_type": "NVIDIA_L4", "n": 1},
    "l4-8": {"machine_type": "g2-standard-96", "accelerator_type": "NVIDIA_L4", "n": 8},
    "a100-80gb": {"machine_type": "a2-ultragpu-1g", "accelerator_type": "NVIDIA_A100_80GB", "n": 1},
    "a100-80gb-8": {
        "machine_type": "a2-ultragpu-8g",
        "accelerator_type": "NVIDIA_A100_80GB",
        "n": 8,
    },
    "h100-mega-8": {
        "machine_type": "a3-megagpu-8g",
        "accelerator_type": "NVIDIA_H100_MEGA_80GB",
        "n": 8,
    },
    "h200-8": {"machine_type": "a3-ultragpu-8g", "accelerator_type": "NVIDIA_H200_141GB", "n": 8},
    "h100": {"machine_type": "a3-highgpu-1g", "accelerator_type": "NVIDIA_H100_80GB", "n": 1},
    "h100-8": {"machine_type": "a3-highgpu-8g", "accelerator_type": "NVIDIA_H100_80GB", "n": 8},
    "tpu-v2-8": {"machine_type": "cloud-tpu", "accelerator_type": "TPU_V2", "n": 8},
    "tpu-v3-8": {"machine_type": "cloud-tpu", "accelerator_type": "TPU_V3", "n": 8},
    "tpu-v5e-1": {"machine_type": "ct5lp-hightpu-1t", "tpu_topology": "1x1"},
    "tpu-v5e-4": {"machine_type": "ct5lp-hightpu-4t", "tpu_topology": "2x2"},
    "tpu-v5e-8": {"machine_type": "ct5lp-hightpu-8t", "tpu_topology": "2x4"},
}
NAMES = sorted(presets())


def pools_of(machine: Preset) -> Any:
    """Return the pools as an API message, which rejects unknown fields."""
    job = v1.CustomJob(
        display_name="x", job_spec={"worker_pool_specs": worker_pools(machine, IMAGE, 100)}
    )
    return job.job_spec.worker_pool_specs


@pytest.mark.parametrize("name", NAMES)
def test_the_api_accepts_every_preset(name: str) -> None:
    machine = preset(name)
    pools = pools_of(machine)
    assert sum(pool.replica_count for pool in pools) == machine.hosts
    assert pools[0].replica_count == 1
    for pool in pools:
        assert pool.container_spec.image_uri == IMAGE
        spec = pool.machine_spec
        expected = EXPECTED[name.partition("x")[0]]
        assert spec.machine_type == expected["machine_type"]
        assert spec.accelerator_count == expected.get("n", 0)
        assert spec.tpu_topology == expected.get("tpu_topology", "")
        if "accelerator_type" in expected:
            assert v1.AcceleratorType(spec.accelerator_type).name == expected["accelerator_type"]
        environment = {e.name: e.value for e in pool.container_spec.env}
        assert environment["TEXTMILL_IMAGE_DIGEST"] == "sha256:" + "ab" * 32
        assert ("TPU_NAME" in environment) == name.startswith("tpu")
        assert environment.get("TPU_LIBRARY_PATH") == (LIBTPU if machine.is_tpu else None)
        assert ("NEXT_PLUGGABLE_DEVICE_USE_C_API" in environment) == name.startswith("tpu-v5e")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tpu-v6e-4", "does not support TensorFlow on v6e"),
        ("ct6e-standard-4t", "does not support TensorFlow on v6e"),
        ("tpu-v3-32", "base image"),
        ("tpu-v5e-16", "base image"),
        ("tpu-v4-8", "only v2, v3 and v5e"),
        ("tpu-v5p-8", "only v2, v3 and v5e"),
        ("tpu7x-4", "does not run on TPU7x"),
        ("b200-8", "CUDA 12.8"),
        ("a2-highgpu-1g", "give the name of a preset"),
        ("a100x8", "Did you mean a100"),
    ],
)
def test_other_machines_are_refused_with_the_reason(name: str, message: str) -> None:
    with pytest.raises(MachineError, match=message):
        preset(name)


def test_an_unsupported_machine_stops_the_compilation() -> None:
    vertex = load_recipe("vertex", ["vertex.training.machine=tpu-v6e-8"]).vertex
    assert vertex is not None
    with pytest.raises(InputError, match="tpu-v6e-8 is not supported"):
        custom_job("x", vertex)


def test_a_machine_that_is_offered_as_spot_only_is_refused_on_demand() -> None:
    machine = ["vertex.training.machine=h100"]
    vertex = load_recipe("vertex", [*machine, "vertex.training.spot=false"]).vertex
    assert vertex is not None
    with pytest.raises(InputError, match=r"a3-highgpu-1g\) is not offered on demand"):
        custom_job("x", vertex)
    vertex = load_recipe("vertex", machine).vertex
    assert vertex is not None
    assert custom_job("x", vertex)["job_spec"]["scheduling"]["strategy"] == "SPOT"


def job_of(*settings: str) -> v1.CustomJob:
    vertex = load_recipe("vertex", ["vertex.training.spot=false", *settings]).vertex
    assert vertex is not None
    return v1.CustomJob(**custom_job("x", vertex))


def test_flex_start_waits_as_long_as_the_recipe_says() -> None:
    scheduling = job_of(
        "vertex.training.machine=h100",
        "vertex.training.flex_start=true",
        "vertex.training.max_wait_hours=12",
    ).job_spec.scheduling
    assert scheduling.strategy == v1.Scheduling.Strategy.FLEX_START
    assert scheduling.max_wait_duration.total_seconds() == 12 * 3600
    with pytest.raises(InputError, match="Flex-start is for GPUs"):
        job_of("vertex.training.machine=tpu-v5e-4", "vertex.training.flex_start=true")
    with pytest.raises(InputError, match="different ways to get a machine"):
        job_of("vertex.training.flex_start=true", "vertex.training.spot=true")


def test_a_reservation_and_a_persistent_resource_reach_the_job() -> None:
    name = "projects/acme-nlp/zones/us-central1-a/reservations/gpus"
    two = ("vertex.training.machine=a100-8x2", f"vertex.training.reservation={name}")
    for pool in job_of(*two).job_spec.worker_pool_specs:
        affinity = pool.machine_spec.reservation_affinity
        kind = v1.types.ReservationAffinity.Type.SPECIFIC_RESERVATION
        assert (affinity.reservation_affinity_type, list(affinity.values)) == (kind, [name])
    job = job_of("vertex.training.persistent_resource=nlp-pool")
    assert job.job_spec.persistent_resource_id == "nlp-pool"


def test_a_companys_network_and_key_reach_the_job() -> None:
    key = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"
    attachment = "projects/p/regions/us-central1/networkAttachments/a"
    job = job_of(f"vertex.kms_key={key}", f"vertex.network_attachment={attachment}")
    assert job.encryption_spec.kms_key_name == key
    assert job.job_spec.psc_interface_config.network_attachment == attachment
    network = "vertex.network=projects/1/global/networks/n"
    job = job_of(network, "vertex.reserved_ip_ranges=[ai-range]")
    assert list(job.job_spec.reserved_ip_ranges) == ["ai-range"]
    with pytest.raises(InputError, match="replaces the peered network"):
        job_of(network, f"vertex.network_attachment={attachment}")


def test_live_curves_and_a_shell_reach_the_job() -> None:
    board = "projects/p/locations/us-central1/tensorboards/7"
    job = job_of(f"vertex.training.tensorboard={board}", "vertex.training.web_access=true")
    assert (job.job_spec.tensorboard, job.job_spec.enable_web_access) == (board, True)


def test_running_and_waiting_together_stay_below_a_weeks_limit_of_the_task() -> None:
    with pytest.raises(InputError, match="at most 167 together"):
        load_recipe("vertex", ["vertex.training.timeout_hours=150"])
    load_recipe("vertex", ["vertex.training.timeout_hours=150", "vertex.training.max_wait_hours=1"])


def test_the_job_has_spot_timeout_and_restart() -> None:
    vertex = load_recipe("vertex", ["vertex.training.timeout_hours=2"]).vertex
    assert vertex is not None
    job = v1.CustomJob(**custom_job("vertex", vertex))
    assert job.job_spec.scheduling.strategy == v1.Scheduling.Strategy.SPOT
    assert job.job_spec.scheduling.restart_job_on_worker_restart
    assert job.job_spec.scheduling.timeout.seconds == 7200
    assert job.labels == {"textmill_recipe": "vertex"}
    on_demand = vertex.model_copy(
        update={"training": vertex.training.model_copy(update={"spot": False})}
    )
    assert "strategy" not in custom_job("vertex", on_demand)["job_spec"]["scheduling"]


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_has_a_speed_and_a_price_or_none_at_all(name: str) -> None:
    machine, prices = preset(name), load_prices()
    if name.startswith(("l4", "a100-80gb", "h100-mega", "h200")):  # none is invented
        assert machine.machine_type not in prices.machines
        return
    assert machine.peak_flops == machine.peak_tflops * 1e12 * machine.chips * machine.hosts
    if machine.spot_only:
        with pytest.raises(PriceError, match="has no on_demand price"):
            hourly_price(machine, prices, spot=False)
        assert hourly_price(machine, prices, spot=True) > 1
        return
    on_demand = hourly_price(machine, prices, spot=False)
    assert on_demand > machine.hosts
    if machine.image == "cpu":
        with pytest.raises(PriceError, match="has no spot price of n2-standard-32"):
            hourly_price(machine, prices, spot=True)
    else:
        assert hourly_price(machine, prices, spot=True) < on_demand


def test_a_custom_price_table_replaces_the_prices(tmp_path: Path) -> None:
    table = yaml.safe_load(PRICES.read_text(encoding="utf-8"))
    table["machines"] = {"a2-highgpu-1g": {"on_demand": 2.0}}
    table["surcharge"] = 0
    file = tmp_path / "prices.yaml"
    file.write_text(yaml.safe_dump(table))
    assert hourly_price(preset("a100"), load_prices(file), spot=False) == 2.0
    with pytest.raises(PriceError, match="a3-highgpu-1g"):
        hourly_price(preset("h100"), load_prices(file), spot=False)
    file.write_text(yaml.safe_dump({**table, "currency": "EUR"}))
    with pytest.raises(PriceError, match="currency"):
        load_prices(file)
    with pytest.raises(PriceError, match="cannot be read"):
        load_prices(tmp_path / "none.yaml")


def test_the_list_shows_every_machine_and_reason(capsys: pytest.CaptureFixture[str]) -> None:
    print_machines()
    shown = " ".join(capsys.readouterr().out.split())
    assert all(name in shown for name in NAMES)
    assert "2 x a3-highgpu-8g" in shown
    assert "does not run on TPU7x" in shown
