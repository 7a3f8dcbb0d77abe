"""Run a compiled spec in a workdir, for `textmill run-spec`."""

import json
import shutil
from pathlib import Path

from rich.console import Console

from components.text_example_gen.check_corpus import check_small_text
from components.text_example_gen.reading.check_text import check_text
from components.text_example_gen.reading.find_files import split_patterns
from core import storage
from core.exit import sigterm_raises
from pipelines.compiled_spec.parameters import (
    TEXT_PATTERN,
    check_values,
    text_patterns,
    text_settings,
)
from pipelines.local.node_timer import NodeTimer
from pipelines.local.run_and_report import run_and_report
from pipelines.local.run_origin import describe_origin
from pipelines.local.run_summary import StartedRun
from pipelines.local.store_care import check_store, close_unfinished
from pipelines.local.text_location import EVERYTHING, locate_text
from pipelines.metadata.mlmd.recorder import Recorder
from pipelines.metadata.mlmd.update import relocate
from pipelines.metadata.names import KILLED
from pipelines.quiet import hush
from pipelines.spec_runner.cli import Options
from pipelines.spec_runner.processes.containers import ContainerEngine, parse_images
from pipelines.spec_runner.processes.replicas import ReplicaRunner
from pipelines.spec_runner.processes.run_process import Processes
from pipelines.spec_runner.processes.training_service import CustomJobs, TrainingService
from pipelines.spec_runner.processes.warm import WarmPython, module_call
from pipelines.spec_runner.spec.buckets import Buckets, parse_mappings
from pipelines.spec_runner.spec.errors import SpecError
from pipelines.spec_runner.spec.parameters import Values, resolve_parameters
from pipelines.spec_runner.spec.spec_file import Spec, load_spec
from pipelines.spec_runner.tasks.cache_key import executor_class
from pipelines.spec_runner.tasks.check_supported import check_supported
from pipelines.spec_runner.tasks.container_task import Tools
from pipelines.spec_runner.tasks.dag import DagRunner
from pipelines.spec_runner.tasks.run_context import PROJECT, REGION, RunContext
from pipelines.workdir import Workdir, hold, open_workdir

SPEC, PARAMETERS, LOGS = "spec.yaml", "parameters.json", "tasks"
TEXT_ROOT = "text_root"  # a parameter of specs that Textmill compiles


def run_spec(spec_file: str, *, workdir: str, options: Options | None = None) -> int:
    """Run a compiled spec on this machine, after checking all of its inputs.

    Raises:
        InputError: the spec, a parameter, a mapping or the workdir is not usable.
    """
    options = options or Options()
    spec = load_spec(Path(spec_file))
    check_supported(spec, in_containers=options.engine is not None)
    home = open_workdir(workdir)
    folder = None if options.object_store else home.root / "gs"
    buckets = Buckets(folder, parse_mappings(options.maps or ()))
    parameters = _check_parameters(spec, options, buckets, home.root)
    root = _pipeline_root(parameters, buckets, home, spec)
    engine = _container_engine(spec, options, parameters, buckets, home.root)
    hush(options.verbose)
    with hold(home), sigterm_raises():
        check_store(home)
        relocate(home.metadata, home.root)
        close_unfinished(home, KILLED)
        if engine:
            engine.remove_leftovers()
        run_id = home.new_run()
        run = RunContext(
            pipeline=spec.name,
            run_id=run_id,
            root=root,
            folder=home.runs / run_id,
            workdir=str(home.root),
            buckets=buckets,
            project=str(parameters.get("project") or PROJECT),
            region=str(parameters.get("region") or REGION),
            use_cache=options.use_cache,
            retry=options.retry,
        )
        warm = WarmPython(_tfx_modules(spec)) if options.warm else None
        processes = Processes(echo=options.verbose, warm=warm, engine=engine)
        return _run(spec, parameters, run, home, processes)


def _container_engine(
    spec: Spec, options: Options, parameters: Values, buckets: Buckets, root: Path
) -> ContainerEngine | None:
    """Return the engine of the options, after a check that it has every image.

    Raises:
        SpecError: the options contradict each other, or an image or the engine is missing.
    """
    if options.engine is None:
        if options.images:
            raise SpecError("--image needs --engine docker or --engine podman.")
        return None
    if options.object_store:
        raise SpecError(
            "--object-store and --engine exclude each other: the containers have no credentials."
        )
    if options.warm:
        raise SpecError("--warm and --engine exclude each other: a container is a new process.")
    if shutil.which(options.engine) is None:
        raise SpecError(f"--engine {options.engine}: this machine has no such program. Install it.")
    text = buckets.localize(str(parameters.get(TEXT_ROOT) or root))
    folders = [*buckets.mapped.values(), *([Path(text)] if Path(text).is_dir() else [])]
    images = parse_images(options.images or (), spec.path.read_text(encoding="utf-8"))
    engine = ContainerEngine(options.engine, images, root, folders)
    engine.check_images([executor.container.image for executor in spec.executors.values()
                         if executor.WhichOneof("spec") == "container"])  # fmt: skip
    return engine


def _run(
    spec: Spec, parameters: Values, run: RunContext, home: Workdir, processes: Processes
) -> int:
    """Run the spec, write its summary, and return the exit code."""
    _save_inputs(spec, parameters, run.folder)
    console = Console(stderr=True, highlight=False)
    timer = NodeTimer(console)
    timer.say(f"run {run.run_id} of {spec.path}")
    started = StartedRun(run.run_id, spec.name, home, {"logs": str(run.folder / LOGS)})
    _, code = run_and_report(
        started,
        lambda: _run_tasks(spec, parameters, run, home.metadata, processes, timer),
        timer.seconds,
        console,
    )
    return code


def _check_parameters(spec: Spec, options: Options, buckets: Buckets, root: Path) -> Values:
    definitions = spec.root.input_definitions.parameters
    arguments = [*_text_parameters(options.text, spec), *(options.parameters or ())]
    fallbacks = {"project": PROJECT, "region": REGION, "pipeline_root": str(root)}
    parameters = resolve_parameters(definitions, arguments, spec.parameter_values, fallbacks)
    if TEXT_ROOT in definitions:
        check_values(spec.content, parameters)  # the checks of a submission
        _check_text(spec, parameters, buckets)
    return parameters


def _text_parameters(text: str | None, spec: Spec) -> list[str]:
    if text is None:
        return []
    definitions = spec.root.input_definitions.parameters
    if TEXT_ROOT not in definitions:
        raise SpecError(
            f"--text {text}: the pipeline has no parameter {TEXT_ROOT}. Set the parameter for its "
            f"text with --param, or map its bucket with --map gs://bucket/path=FOLDER."
        )
    location = locate_text([text])
    parameters = [f"{TEXT_ROOT}={location.base}"]
    if TEXT_PATTERN in definitions:
        return [*parameters, f"{TEXT_PATTERN}={location.patterns[0]}"]
    if not Path(text).is_dir():
        raise SpecError(
            f"--text {text}: the pipeline has no parameter {TEXT_PATTERN}. Give the folder that "
            f"contains all its text."
        )
    return parameters


def _pipeline_root(parameters: Values, buckets: Buckets, home: Workdir, spec: Spec) -> str:
    """Return the folder of artifacts: in the workdir, or on the object store.

    Raises:
        SpecError: buckets are left as they are, and the pipeline root is in none.
    """
    if buckets.folder is not None:
        return home.pipeline_root(spec.name)
    root = str(parameters.get("pipeline_root") or spec.content.get("defaultPipelineRoot", ""))
    if not root.startswith("gs://"):
        raise SpecError(
            f"--object-store: the pipeline root is {root or 'empty'}. Set it with "
            f"--param pipeline_root=gs://bucket/folder."
        )
    return root.rstrip("/")


def _check_text(spec: Spec, parameters: Values, buckets: Buckets) -> None:
    """Check the text of a spec that Textmill compiled, as `textmill run` does."""
    uri = parameters.get(TEXT_ROOT)
    if not isinstance(uri, str) or not uri:
        return
    place = buckets.localize(uri)
    if storage.is_remote(place):
        if not storage.exists(place):
            raise SpecError(f"{TEXT_ROOT} is {uri}, and there is no such folder. Check its name.")
    elif not Path(place).is_dir():
        raise SpecError(
            f"{TEXT_ROOT} is {uri}, and there is no folder {buckets.localize(uri)}. Put the "
            f"text there, or give --text FOLDER or --map {uri}=FOLDER."
        )
    joined = text_patterns(spec.content, str(parameters.get(TEXT_PATTERN) or EVERYTHING))
    if not any("{" in pattern for pattern in joined.values()):  # the driver resolves spans
        patterns = {source: split_patterns(pattern) for source, pattern in joined.items()}
        check_text(place, patterns, text_settings(spec.content))
        check_small_text(place, patterns, text_settings(spec.content))


def _save_inputs(spec: Spec, parameters: Values, folder: Path) -> None:
    storage.write_bytes(str(folder / SPEC), Path(spec.path).read_bytes())
    content = json.dumps(parameters, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    storage.write_bytes(str(folder / PARAMETERS), content.encode())


def _run_tasks(
    spec: Spec,
    parameters: Values,
    run: RunContext,
    metadata: Path,
    processes: Processes,
    timer: NodeTimer,
) -> Exception | None:
    """Run every task; return the first failure."""
    replicas = ReplicaRunner(processes, run.buckets, run.folder / LOGS)
    service = TrainingService(CustomJobs(replicas.run))
    recorder = Recorder(metadata, spec.name, run.run_id, describe_origin())
    tools = Tools(run, recorder, processes, replicas, service.endpoint, timer.say)
    try:
        with service.serving():
            return DagRunner(spec, tools, timer.start, timer.finish).run(parameters).error
    finally:
        processes.stop_all()


def _tfx_modules(spec: Spec) -> list[str]:
    """List the modules that TFX's commands and their executors import."""
    modules = set()
    for executor in spec.executors.values():
        container = executor.container
        for command in (container.command, container.lifecycle.pre_cache_check.command):
            if call := module_call(command):
                modules.add(call.module)
        if path := executor_class(container):
            modules.add(path.rpartition(".")[0])
    return sorted(modules)
