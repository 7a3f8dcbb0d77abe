"""Collect what a recorded run needs to be made again: its recipe, its text and its code."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.text_example_gen.reading.find_files import find_files, split_patterns
from components.text_example_gen.reading.find_sources import find_sources
from components.text_example_gen.reading.fingerprint import fingerprint
from core import storage
from core.errors import InputError
from pipelines.local.text_location import TextLocation, locate_recipe_text, locate_text
from pipelines.metadata.archive import Archive
from pipelines.metadata.graph import Execution, Run
from pipelines.metadata.names import CACHED, RAN, TEXT_NODE
from pipelines.metadata.recipe_keys import code_digest
from pipelines.recipe.settings import Recipe

BASE_MODEL_NODE = "BaseModel"  # looks up the latest blessed model, to start from it
Digests = dict[str, str]  # of code, by node


class ReproduceError(InputError):
    """A run that cannot be made again with what is here."""


@dataclass(frozen=True)
class RecordedRun:
    """A run, with the executions that made its outputs."""

    run: Run
    recipe: Recipe
    executions: Mapping[str, Execution]  # those that ran, by node in order; of cached ones theirs
    settings: Mapping[str, dict[str, Any]]  # exec properties, by node

    def code_digests(self) -> Digests:
        """Return the digest of the code of each node of ours."""
        digests = {node: code_digest(settings) for node, settings in self.settings.items()}
        return {node: digest for node, digest in digests.items() if digest}

    def last_node(self) -> str:
        """Return the last node of the run."""
        return list(self.executions)[-1]


def read_run(archive: Archive, run: Run) -> RecordedRun:
    """Read a run from its workdir.

    Raises:
        ReproduceError: no recipe is on record, no node succeeded, or the run started from a model
            that only its own workdir has.
    """
    if "recipe" not in (origin := archive.origin(run.id)):
        raise ReproduceError(
            f"{run.id}: no recipe is on record, because it was run from a compiled pipeline. Run "
            f"that again with `textmill run-spec`."
        )
    graph = archive.graph
    executions = {
        node: graph.true_execution(execution)
        for node, execution in graph.of_run(run.id).items()
        if execution.state in (RAN, CACHED)
    }
    if TEXT_NODE not in executions:
        raise ReproduceError(f"{run.id}: it has no documents. Choose a run that read its text.")
    if BASE_MODEL_NODE in executions and archive.outputs(executions[BASE_MODEL_NODE]):
        raise ReproduceError(
            f"{run.id}: it started from the latest blessed model of its workdir, which a new "
            f"workdir does not have. Choose a run that did not."
        )
    settings = {node: archive.settings(execution) for node, execution in executions.items()}
    return RecordedRun(run, Recipe.model_validate_json(origin["recipe"]), executions, settings)


def find_text(archive: Archive, recorded: RecordedRun, given: Sequence[str]) -> list[str]:
    """Return the text to give to `textmill run`, after comparing it with the run's digests.

    Args:
        archive: has the folders of the text of all its runs.
        recorded: the run.
        given: paths, as for `textmill run --text`; empty: look where runs read the same text.

    Raises:
        ReproduceError: there is no such text, or it is not that of the run.
    """
    run_id, wanted = recorded.run.id, _text_digests(archive, recorded)
    if recorded.recipe.text.sources:
        location = locate_recipe_text(recorded.recipe.text, list(given))
        if fingerprint(find_sources(location.base, location.by_source)) not in wanted:
            raise ReproduceError(
                f"{run_id}: the text in its text.sources is not what it was (digest "
                f"{min(wanted)}). Restore it."
            )
        return []
    if any("{" in name for name in given):  # of spans; the comparison of bytes decides
        return list(given)
    if given:
        location = locate_text(list(given))
        if fingerprint(find_files(location.base, location.patterns)) not in wanted:
            raise ReproduceError(
                f"--text {' '.join(given)}: not the text of {run_id}, whose digest is "
                f"{min(wanted)}. Names of files count too: give the same folder, pattern or files "
                f"as then."
            )
        return list(given)
    if recorded.settings[TEXT_NODE].get("span"):
        raise ReproduceError(
            f"{run_id}: it read a span of its text. Give the pattern with its {{SPAN}} with --text."
        )
    return _search_text(archive, run_id, wanted)


def _search_text(archive: Archive, run_id: str, wanted: set[str]) -> list[str]:
    """Return the text with one of the digests, where any run of the workdir read text."""
    tried = []
    for location in _known_locations(archive):
        tried.append(location.base)
        try:
            if fingerprint(find_files(location.base, location.patterns)) in wanted:
                return [storage.join(location.base, pattern) for pattern in location.patterns]
        except (InputError, OSError):
            continue  # it is gone, and another folder may have the text
    raise ReproduceError(
        f"{run_id}: its text (digest {min(wanted)}) is not in {', '.join(dict.fromkeys(tried))}. "
        f"Give it with --text."
    )


def _text_digests(archive: Archive, recorded: RecordedRun) -> set[str]:
    """Return the text's digests on record: that of the driver, and that of its content."""
    execution = recorded.executions[TEXT_NODE]
    manifest = archive.manifest(archive.outputs(execution)["examples"])
    digests = {recorded.settings[TEXT_NODE].get("input_fingerprint")}
    digests.add(manifest and manifest.facts.get("corpus_digest"))
    return {str(digest) for digest in digests if digest}


def _known_locations(archive: Archive) -> Iterator[TextLocation]:
    """Yield where the runs of a workdir read their text, the newest first."""
    seen = set()
    executions = [e for e in archive.graph.executions.values() if e.node_id == TEXT_NODE]
    for execution in reversed(executions):
        settings = archive.settings(execution)
        if "input_base" in settings and "input_config" in settings:
            splits = json.loads(settings["input_config"])["splits"]
            patterns = [name for split in splits for name in split_patterns(split["pattern"])]
            location = TextLocation(str(settings["input_base"]), tuple(patterns))
            if (location.base, location.patterns) not in seen:
                seen.add((location.base, location.patterns))
                yield location
