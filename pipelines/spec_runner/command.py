"""`textmill run-spec`: a compiled spec and a workdir to a finished run and its summary."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from core import storage
from core.signals import sigterm_raises
from pipelines.compiled_spec.parameters import check_values
from pipelines.local.node_timer import NodeTimer
from pipelines.local.run_ending import StartedRun, run_and_report
from pipelines.local.run_origin import run_origin
from pipelines.local.store_care import check_store, close_unfinished
from pipelines.local.text_location import locate_text
from pipelines.quiet import hush
from pipelines.spec_runner.errors import SpecError
from pipelines.spec_runner.job import PROJECT, REGION, Job
from pipelines.spec_runner.processes.custom_jobs import CustomJobs
from pipelines.spec_runner.processes.processes import Processes
from pipelines.spec_runner.processes.warm import WarmPython, module_call
from pipelines.spec_runner.record import Recorder
from pipelines.spec_runner.spec.parameters import Values, settle_parameters
from pipelines.spec_runner.spec.places import Places, parse_maps
from pipelines.spec_runner.spec.spec_file import Spec, load_spec
from pipelines.spec_runner.tasks.cache_key import executor_class
from pipelines.spec_runner.tasks.container_task import Tools
from pipelines.spec_runner.tasks.dag import DagRunner
from pipelines.spec_runner.unsupported import check_supported
from pipelines.workdir import Workdir, hold, open_workdir

SPEC, PARAMETERS, LOG = "spec.yaml", "parameters.json", "tasks"
TEXT_ROOT, TEXT_PATTERN = "text_root", "text_pattern"  # of the pipelines that Textmill compiles


@dataclass(frozen=True)
class Options:
    """What the command line says beside the spec and the workdir."""

    parameters: Sequence[str] = ()  # "name=value"
    maps: Sequence[str] = ()  # "gs://bucket/path=FOLDER"
    text: str | None = None  # a file, folder or glob, for the spec's text parameters
    use_cache: bool = True
    retry: bool = True
    warm: bool = False  # run TFX's commands in forks of one Python that has loaded it
    verbose: bool = False


@dataclass(frozen=True)
class Order:
    """What is to be run, where."""

    spec: Spec
    parameters: Values
    workdir: Workdir
    places: Places
    options: Options = field(default_factory=Options)


def run_spec(spec_file: str, *, workdir: str, options: Options | None = None) -> int:
    """Runs a compiled spec on this machine.

    All that can be checked is checked before anything runs.

    Args:
        spec_file: YAML or JSON.
        workdir: the folder that owns the runs.
        options: the rest of the command line.

    Returns:
        The exit code.

    Raises:
        InputError: spec, parameters, mappings or workdir cannot be used.
    """
    options = options or Options()
    spec = load_spec(Path(spec_file))
    check_supported(spec)
    given = [*_text_parameters(options.text, spec), *options.parameters]
    definitions = spec.root.input_definitions.parameters
    home = open_workdir(workdir)
    places = Places(home.root / "gs", parse_maps(options.maps))
    stand_ins = {"project": PROJECT, "region": REGION, "pipeline_root": str(home.root)}
    parameters = settle_parameters(definitions, given, spec.parameter_values, stand_ins)
    if TEXT_ROOT in definitions:
        check_values(spec.content, parameters)  # as a submission would
        _check_text(parameters, places)
    hush(options.verbose)
    with hold(home), sigterm_raises():
        check_store(home)
        close_unfinished(home, "its process was killed; closed by the next run")
        return _run(Order(spec, parameters, home, places, options))


def _text_parameters(text: str | None, spec: Spec) -> list[str]:
    """`--text` as the parameters of a pipeline that Textmill compiled."""
    if text is None:
        return []
    known = spec.root.input_definitions.parameters
    if TEXT_ROOT not in known:
        raise SpecError(
            f"--text {text}: the pipeline has no parameter {TEXT_ROOT}. Say where its text is with "
            f"--param, or with --map gs://bucket/path=FOLDER."
        )
    location = locate_text([text])
    given = [f"{TEXT_ROOT}={location.base}"]
    if TEXT_PATTERN in known:
        given.append(f"{TEXT_PATTERN}={location.patterns[0]}")
    return given


def _check_text(parameters: Values, places: Places) -> None:
    asked = parameters.get(TEXT_ROOT)
    if isinstance(asked, str) and asked and not Path(places.localise(asked)).is_dir():
        raise SpecError(
            f"{TEXT_ROOT} is {asked}, and there is no folder {places.localise(asked)}. Put the "
            f"text there, or give --text FOLDER or --map {asked}=FOLDER."
        )


def _run(order: Order) -> int:
    spec, workdir = order.spec, order.workdir
    console = Console(stderr=True, highlight=False)
    run_id = workdir.new_run()
    folder = workdir.runs / run_id
    timer = NodeTimer(console)
    _keep(order, folder)
    timer.say(f"run {run_id} of {spec.path}")
    run = StartedRun(run_id, spec.name, workdir, {"logs": str(folder / LOG)})
    _, code = run_and_report(run, lambda: _execute(order, run_id, timer), timer.seconds, console)
    return code


def _execute(order: Order, run_id: str, timer: NodeTimer) -> Exception | None:
    """Runs every task; gives the first failure."""
    workdir, options = order.workdir, order.options
    job = Job(
        pipeline=order.spec.name,
        run_id=run_id,
        root=workdir.pipeline_root(order.spec.name),
        folder=workdir.runs / run_id,
        places=order.places,
        project=str(order.parameters.get("project") or PROJECT),
        region=str(order.parameters.get("region") or REGION),
        use_cache=options.use_cache,
        retry=options.retry,
    )
    warm = WarmPython(_modules(order.spec)) if options.warm else None
    processes = Processes(echo=options.verbose, warm=warm)
    custom_jobs = CustomJobs(processes, order.places, job.folder / LOG)
    recorder = Recorder(workdir.metadata, job.pipeline, run_id, run_origin())
    tools = Tools(job, recorder, processes, custom_jobs, timer.say)
    try:
        with custom_jobs.serving():
            result = DagRunner(order.spec, tools, timer.start, timer.finish).run(order.parameters)
    finally:
        processes.stop_all()
    return result.error


def _modules(spec: Spec) -> list[str]:
    """What TFX's commands load: the modules that they run, and those of their executors."""
    found = set()
    for executor in spec.executors.values():
        container = executor.container
        for command in (container.command, container.lifecycle.pre_cache_check.command):
            if call := module_call(command):
                found.add(call.module)
        if path := executor_class(container):
            found.add(path.rpartition(".")[0])
    return sorted(found)


def _keep(order: Order, folder: Path) -> None:
    """Keeps the spec and its parameters as they were run."""
    shutil.copyfile(order.spec.path, folder / SPEC)
    content = json.dumps(order.parameters, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    storage.write_bytes(str(folder / PARAMETERS), content.encode())
