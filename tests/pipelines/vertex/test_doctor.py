"""Tests that `textmill doctor` finds each problem and says what to do."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.exit import FAILED, INPUT_ERROR, SUCCEEDED
from pipelines.compiled_spec.parameters import Machines, list_images, read_machines
from pipelines.vertex.doctor import local
from pipelines.vertex.runs.spec_text import select_files
from pipelines.vertex.runs.template import load_template
from tests.pipelines.vertex.conftest import ACCOUNT, REGION, SPEC, TEXT, Textmill
from tests.vertex_server import VertexServer
from tests.vertex_server.google_apis import Account, Bucket

BUCKET = "acme-nlp-textmill"
QUOTA = "aiplatform.googleapis.com/custom_model_training_preemptible_nvidia_a100_gpus"


@pytest.fixture
def ready(server: VertexServer) -> VertexServer:
    """A project without problems."""
    server.buckets[BUCKET] = Bucket()
    server.accounts[ACCOUNT] = Account()
    server.quotas[QUOTA, REGION] = 8
    server.quotas[QUOTA, "europe-west4"] = 0
    return server


Results = dict[str, tuple[str, str]]


@pytest.fixture
def look(ready: VertexServer, textmill: Textmill, spec: str) -> Callable[..., tuple[int, Results]]:
    """Run the doctor; return its exit code, and the state and message of each check."""

    def call(*more: str) -> tuple[int, Results]:
        ended = textmill("doctor", spec, *TEXT, "--service-account", ACCOUNT, "--json", *more)
        checks = json.loads(ended.out)
        return ended.code, {c["name"]: (c["state"], c["told"] + " " + c["remedy"]) for c in checks}

    return call


def test_a_project_without_problems_passes(
    look: Callable[..., tuple[int, Results]],
) -> None:
    code, found = look()
    assert code == SUCCEEDED
    cloud = {name: state for name, (state, _) in found.items() if name not in LOCAL}
    assert set(cloud.values()) == {"ok"}
    assert set(cloud) == {
        "credentials", "project", "apis", "region", "permissions", "bucket", "bucket, you", "text",
        "batch",
        "service account", "account's roles", "image data", "image trainer-gpu", "quota",
    }  # fmt: skip
    assert "300 MB" in found["text"][1]


def test_nothing_in_the_project_is_changed(
    look: Callable[..., tuple[int, Results]], ready: VertexServer
) -> None:
    look()
    sent = {(call.method, call.path.rpartition(":")[2]) for call in ready.received}
    assert {method for method, _ in sent} <= {"GET", "POST"}
    # Reads that are sent by POST: what is allowed, and why not; which roles there are; signing in.
    reads = {"testIamPermissions", "troubleshoot", "getIamPolicy", "/token"}
    assert {verb for method, verb in sent if method == "POST"} <= reads


LOCAL = {"python", "processor", "memory", "disk", "packages", "limits"}


def break_apis(server: VertexServer) -> None:
    server.enabled_apis = {"storage.googleapis.com"}


def break_bucket(server: VertexServer) -> None:
    del server.buckets[BUCKET]


def break_bucket_place(server: VertexServer) -> None:
    server.buckets[BUCKET].location = "EU"


def break_bucket_access(server: VertexServer) -> None:
    server.buckets[BUCKET].public_access = "inherited"


def break_lifecycle(server: VertexServer) -> None:
    rule = {"action": {"type": "Delete"}, "condition": {"age": 30, "matchesPrefix": ["weekly/"]}}
    server.buckets[BUCKET].lifecycle = [rule]


def test_a_rule_for_checkpoints_or_old_versions_is_fine(
    look: Callable[..., tuple[int, Results]], ready: VertexServer
) -> None:
    delete = {"type": "Delete"}
    ready.buckets[BUCKET].lifecycle = [
        {"action": delete, "condition": {"age": 30, "matchesPrefix": ["weekly/checkpoints/"]}},
        {"action": delete, "condition": {"daysSinceNoncurrentTime": 7}},
        {"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": 1}},
    ]
    assert "bucket lifecycle" not in look()[1]


def break_text(server: VertexServer) -> None:
    server.objects.clear()


def break_account(server: VertexServer) -> None:
    server.accounts[ACCOUNT].disabled = True


def break_act_as(server: VertexServer) -> None:
    server.accounts[ACCOUNT].permissions.clear()


def break_roles(server: VertexServer) -> None:
    server.denied.add((ACCOUNT, "iam.serviceAccounts.actAs"))


def break_images(server: VertexServer) -> None:
    server.images = set()


def break_quota(server: VertexServer) -> None:
    server.quotas[QUOTA, REGION] = 0


def break_quota_silence(server: VertexServer) -> None:
    server.quotas.clear()


def break_region(server: VertexServer) -> None:
    server.regions.clear()


def break_project(server: VertexServer) -> None:
    server.project_state = "DELETE_REQUESTED"


def break_permissions(server: VertexServer) -> None:
    server.project_permissions = {"aiplatform.pipelineJobs.create"}


@pytest.mark.parametrize(
    ("spoil", "name", "state", "remedy"),
    [
        (break_apis, "apis", "failed", "gcloud services enable aiplatform.googleapis.com"),
        (break_bucket, "bucket", "failed", "does not exist"),
        (break_bucket_place, "bucket", "warning", f"--location={REGION}"),
        (break_bucket_access, "bucket access", "warning", "--public-access-prevention"),
        (break_lifecycle, "bucket lifecycle", "warning", "weekly/artifacts/ and weekly/published/"),
        (break_text, "text", "failed", "Check text_root and text_pattern"),
        (break_account, "service account", "failed", "service-accounts enable"),
        (break_act_as, "service account", "failed", "roles/iam.serviceAccountUser"),
        (break_roles, "account's roles", "failed", "iam.serviceAccounts.actAs"),
        (break_images, "image trainer-gpu", "failed", "Push it"),
        (break_quota, "quota", "failed", "the training needs 1"),
        (break_quota_silence, "quota", "warning", "is unknown"),
        (break_region, "region", "failed", f"region {REGION}"),
        (break_project, "project", "failed", "Restore the project"),
        (break_permissions, "permissions", "failed", "aiplatform.schedules.create"),
    ],
)
def test_each_problem_is_found_without_others(
    look: Callable[..., tuple[int, Results]],
    ready: VertexServer,
    spoil: Callable[[VertexServer], None],
    name: str,
    state: str,
    remedy: str,
) -> None:
    spoil(ready)
    code, found = look()
    assert found[name][0] == state
    assert remedy in found[name][1]
    others = {n for n, (s, _) in found.items() if s == "failed" and not n.startswith("image")}
    assert others <= {name, "bucket"}
    assert code == (FAILED if state == "failed" else SUCCEEDED)


def test_a_refused_check_is_a_warning(
    look: Callable[..., tuple[int, Results]], ready: VertexServer
) -> None:
    ready.fault("POST", "iam:troubleshoot", 403, "Policy Troubleshooter API is off.", times=99)
    ready.fault("GET", "quotaInfos", 403, "Denied.", times=99)
    code, found = look()
    assert code == SUCCEEDED
    assert found["account's roles"][0] == found["quota"][0] == "warning"
    assert "Policy Troubleshooter API is off" in found["account's roles"][1]


def test_placeholder_images_are_found_without_a_request(
    ready: VertexServer, textmill: Textmill
) -> None:
    ended = textmill("doctor", str(SPEC), *TEXT, "--service-account", ACCOUNT)
    assert ended.code == FAILED
    assert ended.out.count("is not built yet") == 2
    assert ready.calls("GET", "dockerImages") == []


def test_a_missing_account_is_a_warning(ready: VertexServer, textmill: Textmill, spec: str) -> None:
    ended = textmill("doctor", spec, *TEXT)
    assert ended.code == SUCCEEDED
    assert "Compute Engine's default account" in ended.out
    assert "Nothing would stop a run; 1 warning." in ended.out


def test_wrong_options_are_refused_as_by_submit(textmill: Textmill, spec: str) -> None:
    assert "Did you mean steps?" in textmill("doctor", spec, *TEXT, "--param", "stepps=1").output


def test_without_a_spec_only_this_machine_is_checked(
    server: VertexServer, textmill: Textmill
) -> None:
    ended = textmill("doctor", "--json")
    assert {check["name"] for check in json.loads(ended.out)} == LOCAL
    assert server.received == []


def test_a_folder_that_is_not_writable_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local.os, "access", lambda *_: False)
    states = {check.name: check for check in local.local_checks(tmp_path / "new")}
    assert states["disk"].state == "failed"
    assert str(tmp_path) in states["disk"].message


def test_a_package_of_another_version_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    wanted = ["typer<0.1", "no-such-package-here", "rich"]
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: wanted)
    (check,) = (c for c in local.local_checks(Path()) if c.name == "packages")
    assert check.state == "failed"
    assert "is not <0.1" in check.message
    assert "no-such-package-here is missing" in check.message
    assert check.remedy == "Run `make setup`."


def test_a_withdrawn_release_of_the_vertex_client_is_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import importlib.metadata

    monkeypatch.setattr(importlib.metadata, "requires", lambda _: [])
    for installed, state in (("2.0.0", "warning"), ("2.0.1", "ok")):
        monkeypatch.setattr(importlib.metadata, "version", lambda _, version=installed: version)
        (check,) = (c for c in local.local_checks(Path()) if c.name == "packages")
        assert check.state == state


def test_the_shipped_spec_needs_what_its_recipe_says() -> None:
    spec = load_template(str(SPEC)).spec
    assert read_machines(spec) == Machines(
        machine_type="a2-highgpu-1g",
        accelerator="NVIDIA_TESLA_A100",
        count=1,
        hosts=1,
        is_spot=True,
    )
    assert [image.split("@")[0].rsplit("/")[-1] for image in list_images(spec)] == [
        "data", "trainer-gpu",
    ]  # fmt: skip


def test_a_batch_that_does_not_divide_among_the_hosts_fails(
    ready: VertexServer, textmill: Textmill, spec: str, tmp_path: Path
) -> None:
    path = tmp_path / "three.json"
    path.write_text(json.dumps(_with_hosts(load_template(spec).spec, 3)), encoding="utf-8")
    ended = textmill("doctor", str(path), *TEXT, "--service-account", ACCOUNT)
    assert ended.code == FAILED
    assert "256 is not a multiple of 3 replicas" in ended.out
    assert "Set it to 255, for example" in ended.out
    assert textmill("submit", str(path), *TEXT).code == INPUT_ERROR
    assert ready.pipeline_jobs == {}
    batch = ("--param", "global_batch_size=192")
    ended = textmill("doctor", str(path), *TEXT, *batch, "--service-account", ACCOUNT)
    assert ended.code == SUCCEEDED
    assert "192 instances per step, 64 for each of 3 replicas on 3 hosts" in ended.out


NAMES = {"week-1/a.txt": 1, "week-2/a.txt": 2, "week-2/sub/b.txt": 4, "week-10/a.txt": 8,
         "old.md": 16, "2027/01/04/x.gz": 32, "2027/01/11/x.gz": 64,
         ".hidden/a.txt": 128}  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "span", "size", "selected_span"),
    [
        ("**", None, 127, ""),
        ("", None, 127, ""),
        ("*.md", None, 16, ""),
        ("**/*.txt", None, 15, ""),
        ("old.md,week-1/*", None, 17, ""),
        ("week-{SPAN}/*.txt", None, 8, "10"),
        ("week-{SPAN}/*.txt", "newest", 8, "10"),
        ("week-{SPAN}/*.txt", "2", 2, "2"),
        ("week-{SPAN}/**", "2", 6, "2"),
        ("week-{SPAN}", "1", 1, "1"),
        ("{YYYY}/{MM}/{DD}/*", None, 64, "2027-1-11"),
        ("week-{SPAN}/*.txt", "3", 0, ""),
        ("none/*", None, 0, ""),
        ("week-[12]/*.txt", None, 3, ""),
        ("week-[!1]/*.txt", None, 2, ""),
        ("week-2/*", None, 2, ""),
        ("week-?", None, 0, ""),
        ("week-1{SPAN}/*.txt", None, 8, "0"),
        ("*-{SPAN}/**/b.txt", None, 4, "2"),  # the newest span in which a file matches
        ("*-{SPAN:1}/*.txt", None, 2, "2"),
        ("{YYYY}/{MM}/{DD}/*.gz", None, 64, "2027-1-11"),
        (".hidden/*", None, 128, ""),
    ],
)
def test_the_checked_text_is_what_a_run_would_read(
    pattern: str, span: str | None, size: int, selected_span: str
) -> None:
    files, newest_span = select_files(NAMES, pattern, span)
    assert (sum(files.values()), newest_span) == (size, selected_span)


def _with_hosts(spec: dict[str, Any], hosts: int) -> dict[str, Any]:
    """Return the spec with several hosts for the training."""
    task = spec["components"]["tfx-dag"]["dag"]["tasks"]["Trainer"]
    parameter = task["inputs"]["parameters"]["custom_config"]["runtimeValue"]
    config = json.loads(parameter["constant"])
    pools = config["ai_platform_training_args"]["job_spec"]["worker_pool_specs"]
    pools.append({**pools[0], "replica_count": hosts - 1})
    parameter["constant"] = json.dumps(config)
    return spec


def test_everything_that_is_missing_is_listed_at_once(
    server: VertexServer, textmill: Textmill, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_REGION", "TEXTMILL_PIPELINE_ROOT"):
        monkeypatch.delenv(name)
    ended = textmill("doctor", str(SPEC))
    assert ended.code == FAILED
    for problem in (
        "No project is set", "No region is set", "No folder for artifacts is set",
        "parameter text_root is missing", "are not built yet",
    ):  # fmt: skip
        assert problem in ended.out
    assert ended.out.count("No project is set") == 1
    assert "256 instances per step" in ended.out, "what needs no request is checked"
    assert server.received == []


def test_what_is_missing_hides_no_problem_of_the_project(
    ready: VertexServer, textmill: Textmill, monkeypatch: pytest.MonkeyPatch, spec: str
) -> None:
    monkeypatch.delenv("TEXTMILL_PIPELINE_ROOT")
    break_apis(ready)
    break_quota(ready)
    break_images(ready)
    more = ("--param", "stepps=1", "--param", "global_batch_size=many", "--json")
    checks = json.loads(textmill("doctor", spec, *more, "--service-account", ACCOUNT).out)
    failed = [(check["name"], check["told"]) for check in checks if check["state"] == "failed"]
    message = "\n".join(message for name, message in failed if name == "submission")
    for problem in ("No folder for artifacts", "Did you mean steps?", "is not an integer",
                    "parameter text_root is missing"):  # fmt: skip
        assert problem in message
    names = [name for name, _ in failed if name != "submission"]
    assert names == ["apis", "image data", "image trainer-gpu", "quota"]
    assert "account's roles" in {check["name"] for check in checks}


def test_missing_credentials_are_one_of_the_findings(
    server: VertexServer, textmill: Textmill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "nowhere.json")
    ended = textmill("doctor", str(SPEC), *TEXT, "--endpoint", "https://localhost:1")
    assert ended.code == FAILED
    assert "application default credentials are missing" in ended.out
    assert "are not built yet" in ended.out
    assert server.received == []


def test_what_a_recipe_uses_needs_its_permission(
    ready: VertexServer, textmill: Textmill, tmp_path: Path, spec: str
) -> None:
    uses = {
        "vertex.model_registry=true": "aiplatform.models.upload",
        "vertex.notify.topic=projects/acme-nlp/topics/runs": "pubsub.topics.publish",
        "vertex.notify.webhook_secret=projects/acme-nlp/secrets/chat/versions/latest": (
            "secretmanager.versions.access"
        ),
    }
    path = tmp_path / "all.json"
    path.write_text(json.dumps(load_template("vertex", list(uses)).spec), encoding="utf-8")
    ready.denied = {(ACCOUNT, permission) for permission in uses.values()}
    lacks = f"{ACCOUNT} lacks {', '.join(uses.values())}"
    for source, expected in ((str(path), lacks), (spec, "10 permissions tested")):
        ended = textmill("doctor", source, *TEXT, "--service-account", ACCOUNT, "--json")
        (roles,) = (c for c in json.loads(ended.out) if c["name"] == "account's roles")
        assert roles["told"] == expected


def test_a_recipe_without_a_project_is_refused_before_it_is_compiled(
    textmill: Textmill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT")
    monkeypatch.setattr("pipelines.vertex.compile.compile_recipe.compile_recipe", None)
    ended = textmill("submit", "vertex", "--dry-run")
    assert "No project is set" in ended.err
