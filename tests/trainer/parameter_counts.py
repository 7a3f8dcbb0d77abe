"""How many parameters `transformers`' classes have; run by its own Python.

usage: python parameter_counts.py JOBS.json

JOBS is a list of [name, class, settings of its configuration]; prints {name: count}.
"""

import json
import sys
from pathlib import Path

import torch
import transformers


def main(jobs_path: str) -> None:
    """Counts on the device `meta`, which holds no numbers."""
    counts = {}
    for name, class_name, settings in json.loads(Path(jobs_path).read_text(encoding="utf-8")):
        model_class = getattr(transformers, class_name)
        with torch.device("meta"):
            model = model_class(model_class.config_class(**settings))
            model.tie_weights()
        counts[name] = sum(p.numel() for p in model.parameters())
    sys.stdout.write(json.dumps(counts))


if __name__ == "__main__":
    main(*sys.argv[1:])
