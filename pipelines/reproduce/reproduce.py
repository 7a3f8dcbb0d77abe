"""Make a recorded run again in a new workdir, and compare every byte that it wrote."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core import storage
from core.exit import SUCCEEDED
from core.provenance import git_state
from pipelines.lineage.find.select import resolve_run, select
from pipelines.local.run_command import make_locations, run_recipe
from pipelines.local.run_origin import describe_origin
from pipelines.local.text_location import locate_recipe_text
from pipelines.metadata.archive import Archive
from pipelines.metadata.names import TEXT_NODE
from pipelines.metadata.recipe_keys import code_digest
from pipelines.options import RunOptions
from pipelines.quiet import hush
from pipelines.recipe.settings import Recipe
from pipelines.recipe.work import node_names
from pipelines.reproduce.compare_bytes import ArtifactComparison, compare_bytes
from pipelines.reproduce.recorded_run import (
    Digests,
    RecordedRun,
    ReproduceError,
    find_text,
    read_run,
)
from pipelines.workdir import locate_workdir


@dataclass(frozen=True)
class Reproduction:
    """A run that was made again."""

    recorded: str  # id of the run on record
    run: str  # id of the new run, in its workdir
    workdir: Path
    code: str  # a sentence on this code and that of the run
    artifacts: tuple[ArtifactComparison, ...]


def reproduce(
    workdir: Path, name: str, text: Sequence[str], into: Path, *, any_code: bool = False
) -> Reproduction | int:
    """Make a run again and compare its artifacts.

    Args:
        workdir: has the run on record.
        name: of the run.
        text: as for `textmill run --text`; empty: look where runs of the workdir read it.
        into: a new workdir.
        any_code: go on if this code is not that of the run.

    Returns:
        The comparison; or the exit code of the new run, if that failed.

    Raises:
        InputError: the recipe, text or code of the run is not here, or the new workdir is not new.
    """
    archive = Archive(workdir)
    recorded = read_run(archive, resolve_run(archive, select(archive, name)))
    _check_new(into)
    names = find_text(archive, recorded, text)
    hush(verbose=False)
    code = check_code(archive, recorded, names, any_code=any_code)
    with tempfile.TemporaryDirectory(prefix="textmill-recipe-") as scratch:
        recipe = Path(scratch) / f"{recorded.recipe.name}.yaml"
        content = recorded.recipe.model_dump(mode="json")  # JSON is YAML, too
        storage.write_bytes(str(recipe), json.dumps(content, indent=1).encode())
        is_whole = set(node_names(recorded.recipe)) <= recorded.executions.keys()
        span = recorded.settings[TEXT_NODE].get("span")
        options = RunOptions(
            recipe=str(recipe),
            text=names,
            workdir=str(into),
            span=int(span) if span and any("{" in name for name in names) else None,
            to_node=None if is_whole else recorded.last_node(),
        )
        if (exit_code := run_recipe(options)) != SUCCEEDED:
            return exit_code
    new_archive = Archive(into)
    run = list(new_archive.graph.runs)[-1]
    artifacts = tuple(compare_bytes(archive, recorded, new_archive, run))
    return Reproduction(recorded.run.id, run, new_archive.workdir, code, artifacts)


def _check_new(into: Path) -> None:
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise ReproduceError(
            f"--into {into}: it is not empty. A reproduction needs a new folder, so that nothing "
            f"comes from a cache."
        )


def check_code(archive: Archive, recorded: RecordedRun, text: list[str], *, any_code: bool) -> str:
    """Compare this code with that of the run, node by node.

    Returns:
        A sentence that says whether they are equal.

    Raises:
        ReproduceError: they are not, and `any_code` is not set.
    """
    now, then = code_digests(recorded.recipe, text), recorded.code_digests()
    changed = [node for node, digest in then.items() if now.get(node) != digest]
    git = archive.notes(recorded.run.id).git
    commit = git.get("commit")
    of_run = f"commit {commit}" if commit else "a code without a commit on record"
    if git.get("dirty"):
        of_run += " with changes that no commit holds"
    here = git_state()["commit"]
    if not changed:
        other = f", although this is commit {here}" if here != commit else ""
        return f"The code is that of the run ({of_run}){other}."
    message = (
        f"This code ({f'commit {here}' if here else 'outside a checkout'}) is not that of the run "
        f"({of_run}). It differs in {', '.join(changed)}.{_changed_versions(archive, recorded)}"
    )
    if any_code:
        return message
    get_it = f"Get it with `git checkout {commit}`" if commit else "Find it"
    get_it += " and those changes" if git.get("dirty") else ""
    raise ReproduceError(f"{recorded.run.id}: {message} {get_it}, or add --any-code.")


def code_digests(recipe: Recipe, text: list[str]) -> Digests:
    """Return the digests of this code, by node."""
    # These modules import TFX, which takes seconds; errors in the arguments come before that.
    from dataclasses import replace

    from components.tfx_internals.local_pipeline import compile_pipeline
    from pipelines.create_pipeline import create_pipeline

    locations = make_locations(
        recipe, locate_recipe_text(recipe.text, text), locate_workdir("unused"), None
    )
    compiled = compile_pipeline(create_pipeline(recipe, replace(locations, metadata_path=None)), "")
    digests = {}
    for node in (n.pipeline_node for n in compiled.nodes):
        parameters = node.parameters.parameters.items()
        values = {name: value.field_value.string_value for name, value in parameters}
        if digest := code_digest(values):
            digests[node.node_info.id] = digest
    return digests


def _changed_versions(archive: Archive, recorded: RecordedRun) -> str:
    """Return a sentence on the libraries that are not those of the run, which count as code."""
    then = _versions(archive.origin(recorded.run.id))
    now = _versions(describe_origin())
    changes = [f"{n} {v} → {now.get(n, 'none')}" for n, v in then.items() if now.get(n) != v]
    return f" Libraries differ: {', '.join(changes)}." if changes else ""


def _versions(origin: Mapping[str, str]) -> dict[str, str]:
    versions: dict[str, str] = json.loads(origin.get("versions", "{}"))
    return versions
