"""Let `transformers` fill masks and find replaced tokens; run by its own Python, which has PyTorch.

usage: python transformers_fill_mask.py JOBS.json

JOBS.json holds a list of {"task": fill-mask or find-replaced, "folder": …, "texts": […], "k": …}.
Prints a line of JSON per job: for each text, the [id, score] pairs of each mask, or the score of
each token.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
import transformers

Scores = list[list[Any]]


def main(jobs: str) -> None:
    """Run each job."""
    for job in json.loads(Path(jobs).read_text(encoding="utf-8")):
        run = fill_masks if job["task"] == "fill-mask" else find_replaced
        print(json.dumps([run(job["folder"], text, job["k"]) for text in job["texts"]]))


def fill_masks(folder: str, text: str, k: int) -> Scores:
    """Return the best tokens of each mask: lists of [id, score]."""
    guesses = transformers.pipeline("fill-mask", model=folder, top_k=k)(text)
    per_mask = guesses if isinstance(guesses[0], list) else [guesses]
    return [[[g["token"], g["score"]] for g in of_mask] for of_mask in per_mask]


def find_replaced(folder: str, text: str, k: int) -> Scores:
    """Return the probability of each token being replaced."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.ElectraForPreTraining.from_pretrained(folder)
    with torch.no_grad():
        logits = model(**tokenizer(text, return_tensors="pt")).logits
    return torch.sigmoid(logits)[0].tolist()


if __name__ == "__main__":
    main(*sys.argv[1:])
