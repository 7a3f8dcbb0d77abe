"""`textmill lineage verify` finds every planted change, and nothing in an unchanged workdir."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.errors import InputError
from core.manifest import file_digest
from pipelines.cli import app
from pipelines.lineage.find.select import select
from pipelines.lineage.verify.verify import verify
from pipelines.metadata.archive import Archive
from pipelines.metadata.seal import SEAL, newest_seal, seal_run
from tests.pipelines.lineage.conftest import History
from tests.pipelines.lineage.expected_findings import EXPECTED
from tests.pipelines.lineage.mill import Mill
from tests.pipelines.lineage.planted_changes import (
    DOCUMENTS,
    FOUND_BY_THE_SEAL,
    FOUND_WITHOUT_A_SEAL,
    TRAIN,
    flip,
    remove,
)

# The digest of the records of a mill's first run, which must not change.
EARLIER_RECORDS = "138d6817cf7a708f12a2c43c6dccae9656377b1644751029ef9b8f50add4fbbd"


@pytest.fixture(scope="module")
def sealed(history: History, tmp_path_factory: pytest.TempPathFactory) -> Path:
    workdir = tmp_path_factory.mktemp("sealed") / "work"
    shutil.copytree(history.workdir, workdir)
    for run in sorted((workdir / "runs").iterdir()):
        seal_run(workdir, run.name)
    return workdir


def test_there_are_at_least_fifty_planted_changes() -> None:
    assert len(FOUND_WITHOUT_A_SEAL) + len(FOUND_BY_THE_SEAL) >= 50


def test_an_unchanged_workdir_has_no_mismatch(history: History, sealed: Path) -> None:
    plain = verify(Archive(history.workdir))
    assert plain.findings == ()
    assert len(plain.unsealed) == 6
    checked = verify(Archive(sealed))
    assert checked.findings == ()
    assert (checked.runs, checked.unsealed) == (6, ())
    assert checked.seal is not None


def test_a_vocabulary_of_pieces_is_that_of_its_instances(tmp_path: Path) -> None:
    Mill(tmp_path).run(model_file="spiece.model")
    assert verify(Archive(tmp_path)).findings == ()


def test_every_planted_change_has_an_expected_finding() -> None:
    assert set(EXPECTED) == {*FOUND_WITHOUT_A_SEAL, *FOUND_BY_THE_SEAL}


def assert_found(name: str, workdir: Path) -> None:
    """Assert that the change is reported where it was made, with what is wrong."""
    path, problem = EXPECTED[name]
    findings = verify(Archive(workdir)).findings
    reported = {(f.path.removeprefix(f"{workdir}/"), f.problem) for f in findings}
    assert [found for found in reported if found[0] == path and problem in found[1]], reported


@pytest.mark.parametrize("name", FOUND_WITHOUT_A_SEAL)
def test_a_change_is_found_without_a_seal(name: str, history: History, tmp_path: Path) -> None:
    shutil.copytree(history.workdir, tmp_path / "work")
    FOUND_WITHOUT_A_SEAL[name](tmp_path / "work")
    assert_found(name, tmp_path / "work")


@pytest.mark.parametrize("name", {**FOUND_WITHOUT_A_SEAL, **FOUND_BY_THE_SEAL})
def test_a_change_is_found_with_a_seal(name: str, sealed: Path, tmp_path: Path) -> None:
    shutil.copytree(sealed, tmp_path / "work")
    {**FOUND_WITHOUT_A_SEAL, **FOUND_BY_THE_SEAL}[name](tmp_path / "work")
    assert_found(name, tmp_path / "work")


def test_without_its_manifest_no_file_is_called_a_stranger(sealed: Path, tmp_path: Path) -> None:
    """The seal lists the manifest, and only the manifest lists the shards."""
    shutil.copytree(sealed, tmp_path / "work")
    remove(f"{DOCUMENTS}/manifest.json")(tmp_path / "work")
    findings = verify(Archive(tmp_path / "work")).findings
    assert {finding.kind for finding in findings} == {"missing"}


def test_a_mismatch_is_reported_with_its_path_and_exit_code_1(
    history: History, tmp_path: Path
) -> None:
    shutil.copytree(history.workdir, tmp_path / "work")
    flip(TRAIN)(tmp_path / "work")
    words = ["lineage", "verify", "--workdir", str(tmp_path / "work")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1
    assert (
        f"changed  {tmp_path}/work/{TRAIN}: its sha256 is not the one in the manifest"
        in result.output
    )
    answer = json.loads(CliRunner().invoke(app, [*words, "--json"]).output)
    assert not answer["ok"]
    assert answer["findings"][0]["artifact"] == 1


def test_one_model_is_checked_with_its_ancestors_only(history: History, tmp_path: Path) -> None:
    shutil.copytree(history.workdir, tmp_path / "work")
    remove("artifacts/tiny/CorpusReportGen/report/5")(tmp_path / "work")
    archive = Archive(tmp_path / "work")
    version = select(archive, "1800000000")
    assert verify(archive, version).findings == ()
    flip(TRAIN)(tmp_path / "work")
    assert len(verify(Archive(tmp_path / "work"), version).findings) == 1


def test_a_moved_workdir_is_checked_at_its_new_place(tmp_path: Path) -> None:
    run = Mill(tmp_path / "work").run()
    seal_run(tmp_path / "work", run)
    moved = (tmp_path / "work").rename(tmp_path / "moved")
    assert verify(Archive(moved)).findings == ()
    flip(TRAIN)(moved)
    assert [f.path for f in verify(Archive(moved)).findings] == [f"{moved}/{TRAIN}"]


def test_a_run_can_be_sealed_only_once(tmp_path: Path) -> None:
    run = Mill(tmp_path).run()
    seal = seal_run(tmp_path, run).read_bytes()
    with pytest.raises(InputError, match="the run is sealed"):
        seal_run(tmp_path, run)
    assert (tmp_path / "runs" / run / SEAL).read_bytes() == seal


def test_a_seal_is_that_of_earlier_versions(tmp_path: Path) -> None:
    """Or workdirs that were sealed before an upgrade would no longer match."""
    workdir = tmp_path / "work"
    mill = Mill(workdir)
    runs = [mill.run(), mill.run(learning_rate=5e-4)]
    assert newest_seal(workdir) is None
    texts = [seal_run(workdir, run).read_bytes() for run in runs]
    first, second = map(json.loads, texts)
    assert texts[0].decode() == json.dumps(first, indent=1, sort_keys=True) + "\n"
    first["executions"].pop("10")  # the publisher's, which names a folder of this test
    records = json.dumps([first["executions"], first["artifacts"]], sort_keys=True)
    assert hashlib.sha256(records.encode()).hexdigest() == EARLIER_RECORDS
    assert (len(first["files"]), len(second["files"])) == (19, 9)
    for path, digest in {**first["files"], **second["files"]}.items():
        assert file_digest(str(workdir / path)) == digest, path
    assert {f"runs/{runs[0]}/recipe.yaml", "published/tiny/1800000000/manifest.json"} <= set(
        first["files"]
    )
    newest = hashlib.sha256(texts[1]).hexdigest()
    assert (first["previous"], newest_seal(workdir)) == ({}, newest)
    assert second["previous"] == {runs[0]: hashlib.sha256(texts[0]).hexdigest()}


def test_a_run_that_is_not_in_the_store_is_sealed_with_its_own_files(tmp_path: Path) -> None:
    Mill(tmp_path).run()
    (tmp_path / "runs/20270101T000000Z").mkdir()
    (tmp_path / "runs/20270101T000000Z/recipe.yaml").write_text("seed: 1\n", encoding="utf-8")
    seal = json.loads(seal_run(tmp_path, "20270101T000000Z").read_bytes())
    assert seal == {
        "files": {
            "runs/20270101T000000Z/recipe.yaml": hashlib.sha256(b"seed: 1\n").hexdigest()
        },
        "executions": {}, "artifacts": {}, "previous": {},
    }  # fmt: skip
