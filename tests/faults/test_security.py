"""No secret is written down, and hostile text stays text."""

import gzip
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.errors import InputError
from core.exit import SUCCEEDED
from pipelines.cli import app
from pipelines.local.run_command import run_recipe
from pipelines.options import RunOptions
from tests.faults import hostile
from tests.faults.conftest import DONE
from tests.faults.lane import RECIPE, TOP, Lane

SHOWN_RAW = re.compile(f"[{hostile.ESCAPE}{hostile.BIDI}\x07]")


def environment_of(lane: Lane, *command: str) -> dict[str, str]:
    """Return the environment that the system holds for a command, once it has ended well."""
    running = lane.start(command=command)
    pairs = Path(f"/proc/{running.pid}/environ").read_text(encoding="utf-8").split("\0")
    ended = running.wait()
    assert ended.code == SUCCEEDED, ended.output
    return dict(pair.split("=", 1) for pair in pairs if pair)


def files_with(secret: str, *places: Path) -> list[Path]:
    """List the files that hold a text, plain or compressed with gzip."""
    holders = []
    for path in (path for place in places for path in (place, *place.rglob("*"))):
        if path.is_file():
            content = path.read_bytes()
            plain = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else b""
            if secret.encode() in content or secret.encode() in plain:
                holders.append(path)
    return holders


def test_the_search_for_a_secret_finds_it_plain_and_compressed(tmp_path: Path) -> None:
    line = f"token={hostile.CANARY}\n".encode()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/log.txt").write_bytes(b"x" + line)
    (tmp_path / "records.gz").write_bytes(gzip.compress(line))
    (tmp_path / "other.gz").write_bytes(gzip.compress(b"nothing"))
    holders = files_with(hostile.CANARY, tmp_path)
    assert sorted(path.name for path in holders) == ["log.txt", "records.gz"]


def test_a_secret_in_the_environment_is_written_nowhere(lane: Lane) -> None:
    """It is not in the store, its backup, logs, records, reports, cards, models or output."""
    lane.restore(None)
    environment = environment_of(lane)
    assert {environment.get(name) for name in hostile.SECRET_VARIABLES} == {hostile.CANARY}
    names = {path.name for path in lane.workdir.rglob("*")}
    assert {"metadata.sqlite", "metadata.sqlite.backup", "log.txt", "saved_model.pb"} <= names
    assert [name for name in names if name.endswith(".tfrecord.gz")]
    assert files_with(hostile.CANARY, lane.workdir, *lane.root.glob("output-*.txt")) == []


def test_a_secret_in_the_environment_is_not_compiled(lane: Lane, tmp_path: Path) -> None:
    spec = tmp_path / "pipeline.yaml"
    environment = environment_of(lane, "compile", "vertex", "-o", str(spec))
    assert {environment.get(name) for name in hostile.SECRET_VARIABLES} == {hostile.CANARY}
    assert "deploymentSpec" in spec.read_text(encoding="utf-8")
    assert files_with(hostile.CANARY, spec, *lane.root.glob("output-*.txt")) == []


class Elements(HTMLParser):
    """Collect the scripts and attributes of a page, as a browser would."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self._in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        self._in_script = tag == "script"

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts.append(data)


@pytest.fixture(scope="module")
def pages(
    lane: Lane, undisturbed: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Write every page and terminal output of a run on hostile text to a folder."""
    lane.restore(DONE)
    folder = tmp_path_factory.mktemp("pages")
    words = ["lineage", "report", "-o", str(folder / "lineage.html")]
    assert CliRunner().invoke(app, [*words, "--workdir", str(lane.workdir)]).exit_code == 0
    for pattern in ("*/report.html", "*/README.md", "published/*/*/README.md"):
        for number, path in enumerate(sorted(lane.workdir.rglob(pattern))):
            content = path.read_text(encoding="utf-8")
            (folder / f"{number}-{path.name}").write_text(content, encoding="utf-8")
    for command in (["list"], ["show"], ["verify"]):
        outcome = CliRunner().invoke(app, ["lineage", *command, "--workdir", str(lane.workdir)])
        (folder / f"{command[0]}.terminal").write_text(outcome.output, encoding="utf-8")
    for path in lane.root.glob("output-*.txt"):
        content = path.read_text(encoding="utf-8")
        (folder / f"{path.stem}.terminal").write_text(content, encoding="utf-8")
    return folder


def test_hostile_text_is_shown_as_text(pages: Path) -> None:
    names = sorted(path.name for path in pages.iterdir())
    assert any(name.endswith("report.html") for name in names)
    assert any(name.endswith(".terminal") for name in names)
    for path in pages.iterdir():
        shown = path.read_text(encoding="utf-8")
        assert not SHOWN_RAW.search(shown), path.name
        if path.suffix == ".html":
            page = Elements()
            page.feed(shown)
            assert not [s for s in page.scripts if hostile.SCRIPT in s], path.name
            loud = [name for name, value in page.attributes if name.startswith("on")]
            linked = [v for n, v in page.attributes if n in ("href", "src") and v]
            assert loud == [], path.name
            assert not [link for link in linked if link.startswith("javascript:")], path.name
        if path.suffix == ".md":
            assert hostile.SCRIPT not in shown, path.name
    assert not (TOP / "owned").exists()


def test_a_link_to_text_outside_of_its_folder_is_refused(tmp_path: Path) -> None:
    outside = tmp_path / "secret.txt"
    outside.write_text("A secret sentence.\nAnd another one.\n", encoding="utf-8")
    folder = tmp_path / "text"
    folder.mkdir()
    (folder / "a.txt").symlink_to(outside)
    with pytest.raises(InputError, match="the link leads out of"):
        run_recipe(
            RunOptions(
                recipe=RECIPE, text=[str(folder)], workdir=str(tmp_path / "work"), overrides=[]
            )
        )
    assert not (tmp_path / "work").exists()
