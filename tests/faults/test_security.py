"""No code is loaded from data, no secret is written down, and hostile text stays text."""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.errors import InputError
from core.failpoints import POINTS, arm
from pipelines.cli import app
from pipelines.exit_codes import SUCCEEDED
from pipelines.local.run_command import run_recipe
from pipelines.options import RunOptions
from tests.faults import hostile
from tests.faults.conftest import DONE
from tests.faults.lane import RECIPE, TOP, Lane

PACKAGES = ("components", "core", "pipelines", "trainer", "docker")
SOURCES = [path for package in PACKAGES for path in sorted((TOP / package).rglob("*.py"))]
# These run code from the data that they read, or unpack files to any path.
MODULES = {
    "pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib", "jsonpickle",
    "tarfile", "zipfile",
}  # fmt: skip
CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "pty.spawn"}
UNSAFE_YAML = {
    "yaml.full_load", "yaml.unsafe_load", "yaml.full_load_all", "yaml.unsafe_load_all",
    "yaml.Loader", "yaml.FullLoader", "yaml.UnsafeLoader", "yaml.CLoader", "yaml.CFullLoader",
}  # fmt: skip
WHOLE_MODELS = {"load_model", "model_from_json", "unpickle", "read_pickle"}
# core/storage.py writes files. The others write what is not part of an artifact: a probe, logs of
# containers, and a file that TFX's launcher on Vertex AI waits for.
WRITERS = {
    "core/storage.py", "pipelines/workdir.py", "pipelines/spec_runner/processes/processes.py",
    "pipelines/spec_runner/processes/warm.py",
    "components/text_example_gen/vertex_driver.py",
}  # fmt: skip
SHOWN_RAW = re.compile(f"[{hostile.ESCAPE}{hostile.BIDI}\x07]")


def calls_of(path: Path) -> Iterator[tuple[ast.Call, str]]:
    """Yield every call in a file with the dotted name of the function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


def keywords_of(call: ast.Call) -> dict[str | None, str]:
    return {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(TOP)))
def test_no_code_is_loaded_from_data(path: Path) -> None:
    violations: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            violations += [a.name for a in node.names if a.name.partition(".")[0] in MODULES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in MODULES:
            violations.append(str(node.module))
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in UNSAFE_YAML:
            violations.append(ast.unparse(node))
    for call, name in calls_of(path):
        keywords = keywords_of(call)
        if name in CALLS or name.rpartition(".")[2] in WHOLE_MODELS:
            violations.append(name)
        if (
            keywords.get("shell", "False") != "False"
            or keywords.get("allow_pickle", "False") != "False"
        ):
            violations.append(f"{name}(shell or allow_pickle)")
        if name in ("yaml.load", "yaml.load_all") and "Loader" not in keywords:
            violations.append(name)
        if name == "torch.load":
            violations.append(name)
    assert violations == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(TOP)))
def test_every_file_is_written_through_storage(path: Path) -> None:
    """Its handling of full disks, renames and partial files then covers every writer."""
    name = path.relative_to(TOP).as_posix()
    violations = []
    for call, called in calls_of(path):
        of, _, method = called.rpartition(".")
        modes = [a.value for a in call.args if isinstance(a, ast.Constant)]
        modes += [keywords_of(call).get("mode", "''").strip("'\"")]
        is_open = method in ("open", "GFile") and any(
            isinstance(mode, str) and re.fullmatch(r"[rwaxbt+]*[wax+][rwaxbt+]*", mode)
            for mode in modes
        )
        if is_open or (method in ("write_text", "write_bytes") and of != "storage"):
            violations.append(f"line {call.lineno}: {called}")
    assert violations == [] or name in WRITERS


def test_failpoints_are_called_by_their_names_and_refuse_others() -> None:
    called = {
        str(call.args[0].value)
        for path in SOURCES
        for call, name in calls_of(path)
        if name == "failpoint" and isinstance(call.args[0], ast.Constant)
    }
    assert called == set(POINTS)
    for order in ("no-such-point:1", "read-text", "read-text:x", "read-text:1:HUP"):
        with pytest.raises(ValueError, match="unset it"):
            arm(order)
    arm(None)


def test_a_secret_in_the_environment_is_written_nowhere(
    lane: Lane, undisturbed: dict[str, str]
) -> None:
    """It is not in the store, its backup, logs, reports, cards, models or printed output."""
    secret = hostile.CANARY.encode()
    places = [lane.root / DONE, *lane.root.glob("output-*.txt")]
    files = [p for place in places for p in (place.rglob("*") if place.is_dir() else [place])]
    looked = [path for path in files if path.is_file()]
    assert any(path.name == "metadata.sqlite" for path in looked)
    assert any(path.name == "log.txt" for path in looked)
    assert [str(path) for path in looked if secret in path.read_bytes()] == []


def test_a_secret_in_the_environment_is_not_compiled(lane: Lane, tmp_path: Path) -> None:
    spec = tmp_path / "pipeline.yaml"
    ended = lane.run(command=("compile", "vertex", "-o", str(spec)))
    assert ended.code == SUCCEEDED, ended.output
    assert "deploymentSpec" in spec.read_text(encoding="utf-8")
    assert hostile.CANARY not in spec.read_text(encoding="utf-8") + ended.output


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
