"""Fuzzes one target with atheris: `python -m tests.fuzz.run TARGET SECONDS`; see `make fuzz`.

It ends with 0 if nothing was found. An input that was found lies in tests/fuzz/cases/TARGET, where
`make faults` tries it again from then on: commit it with the mending.
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
WORK = Path(__file__).parents[2] / ".fuzz/work"  # atheris ends the process, so nobody would tidy up
SLOW_SECONDS = 120  # of the clock on the wall: far beyond any pause of a busy machine


def main(name: str, seconds: str) -> None:
    """Fuzzes from the kept cases, good inputs and what the last time grew on."""
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
