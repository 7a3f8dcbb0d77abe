"""What `transformers` makes of folders; run by its own Python, which has PyTorch.

usage: python transformers_reference.py INPUTS.npz CLASS FOLDER [CLASS FOLDER …]

Writes CLASS.npz with the outputs and CLASS.json with loading's complaints and the texts' ids. A
second folder of one class is CLASS:2.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import transformers


def main(inputs_path: str, *jobs: str) -> None:
    """Runs each class on its folder."""
    given = np.load(inputs_path)
    for class_name, folder in zip(jobs[::2], jobs[1::2], strict=True):
        outputs, complaints = run_model(class_name, folder, given)
        np.savez(f"{class_name}.npz", **outputs)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        ids = tokenizer([str(text) for text in given["texts"]])["input_ids"]
        report = json.dumps({"complaints": complaints, "ids": ids})
        Path(f"{class_name}.json").write_text(report, encoding="utf-8")


def run_model(class_name: str, folder: str, given: dict) -> tuple[dict, dict]:
    """The outputs as arrays, and what loading had to say."""
    model_class = getattr(transformers, class_name.partition(":")[0])
    model, info = model_class.from_pretrained(folder, output_loading_info=True)
    model.eval()
    with torch.no_grad():
        outputs = model(
            input_ids=torch.tensor(given["input_ids"].astype(np.int64)),
            attention_mask=torch.tensor(given["input_mask"].astype(np.int64)),
            token_type_ids=torch.tensor(given["segment_ids"].astype(np.int64)),
            output_hidden_states=True,
        )
    arrays = {k: v.numpy() for k, v in outputs.items() if isinstance(v, torch.Tensor)}
    arrays["last_hidden_state"] = outputs.hidden_states[-1].numpy()
    return arrays, {k: sorted(map(str, v)) for k, v in info.items() if v}


if __name__ == "__main__":
    main(*sys.argv[1:])
