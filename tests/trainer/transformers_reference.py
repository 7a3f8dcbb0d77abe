"""What `transformers` makes of a folder; run by its own Python, which has PyTorch.

usage: python transformers_reference.py CLASS FOLDER INPUTS.npz OUTPUTS.npz
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import transformers


def main(class_name: str, folder: str, inputs_path: str, outputs_path: str) -> None:
    """Loads the folder, runs the model, and writes outputs and loading's complaints."""
    model_class = getattr(transformers, class_name)
    model, info = model_class.from_pretrained(folder, output_loading_info=True)
    model.eval()
    given = np.load(inputs_path)
    with torch.no_grad():
        outputs = model(
            input_ids=torch.tensor(given["input_ids"].astype(np.int64)),
            attention_mask=torch.tensor(given["input_mask"].astype(np.int64)),
            token_type_ids=torch.tensor(given["segment_ids"].astype(np.int64)),
            output_hidden_states=True,
        )
    arrays = {k: v.numpy() for k, v in outputs.items() if isinstance(v, torch.Tensor)}
    arrays["last_hidden_state"] = outputs.hidden_states[-1].numpy()
    np.savez(outputs_path, **arrays)
    complaints = {k: sorted(map(str, v)) for k, v in info.items() if v}
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    texts = [str(text) for text in given["texts"]]
    ids = tokenizer(texts)["input_ids"]
    # A special's name in a text is text to us; to `transformers` it is the special.
    report = {"complaints": complaints, "ids": ids}
    Path(outputs_path).with_suffix(".json").write_text(json.dumps(report), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
