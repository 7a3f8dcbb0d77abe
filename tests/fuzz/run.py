"""Fuzz one target with atheris: `python -m tests.fuzz.run TARGET SECONDS`; see `make fuzz`.

The exit code is 0 if no input fails. An input that fails is saved in tests/fuzz/cases/TARGET, where
`make faults` tries it again: commit it with the fix.
"""

import contextlib
import io
import sys
from pathlib import Path

import atheris

with (
    contextlib.redirect_stderr(io.StringIO()),
    atheris.instrument_imports(
        include=["components", "pipelines", "trainer", "yaml"], enable_loader_override=False
    ),
):
    from tests.fuzz.seeds import seeds
    from tests.fuzz.targets import TARGETS

CASES = Path(__file__).with_name("cases")
WORK = Path(__file__).parents[2] / ".fuzz/work"  # kept, because atheris ends the process
SLOW_SECONDS = 120  # wall time, far longer than any pause of a busy machine


def main(name: str, seconds: str) -> None:
    """Fuzz from the saved cases, valid inputs, and the corpus of the last session."""
    cases, grown, place = CASES / name, WORK / f"{name}-grown", WORK / name
    for folder in (cases, grown, place):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(name)):
        (grown / f"seed-{number}").write_bytes(seed)
    target = TARGETS[name]
    limits = {
        "max_total_time": seconds,
        "max_len": 4096,
        "timeout": SLOW_SECONDS,
        "report_slow_units": SLOW_SECONDS,
        "rss_limit_mb": 4096,
        "verbosity": 0,
        "print_final_stats": 1,
        "artifact_prefix": f"{cases}/",
    }
    words = [f"-{key}={value}" for key, value in limits.items()]
    atheris.Setup([name, *words, str(grown), str(cases)], lambda data: target(data, place))
    print(f"fuzzing {name} for {seconds} seconds", flush=True)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
