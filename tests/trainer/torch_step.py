"""One training step in PyTorch on models of `transformers`; run by its own Python.

usage: python torch_step.py KIND FOLDER …

Each FOLDER has batch.npz and model/. Writes theirs.npz beside them: `loss.…`, `gradient_norm`, and
every weight after the update. The batch is that of Textmill; of an ELECTRA it also has
`filled_ids`, the ids with the generator's samples. The rest is written from the papers' formulas,
and knows nothing of Textmill's code.
"""

import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import transformers

RATE, DECAY, EPSILON = 3e-3 / 4, 0.01, 1e-6  # the first of four steps of warm-up
BETAS = 0.9, 0.999
DISCRIMINATOR_WEIGHT = 50.0
CLASSES = {
    "bert": "BertForPreTraining",
    "albert": "AlbertForPreTraining",
    "electra": "ElectraForPreTraining",
}


def main(kind: str, scratch: Path) -> None:
    """Losses, gradients, and BERT's AdamW without bias correction."""
    arrays = np.load(scratch / "batch.npz")
    batch = {
        name: torch.tensor(arrays[name].astype(np.int64))
        for name in arrays.files
        if arrays[name].dtype.kind == "i"
    }
    batch["weights"] = torch.tensor(arrays["masked_lm_weights"])
    model = (
        getattr(transformers, CLASSES[kind])
        .from_pretrained(scratch / "model/transformers")
        .double()
    )
    parameters = dict(model.named_parameters())
    if kind == "electra":
        folder = scratch / "model/transformers-generator"
        generator = transformers.ElectraForMaskedLM.from_pretrained(folder).double()
        generator.electra.embeddings = model.electra.embeddings
        generator.generator_lm_head.weight = model.electra.embeddings.word_embeddings.weight
        for name, parameter in generator.named_parameters():
            if not any(parameter is own for own in parameters.values()):
                parameters[f"generator.{name}"] = parameter
        losses = electra_losses(model, generator, batch)
    else:
        losses = pair_losses(model, kind, batch)
    weight = {"replaced_token_loss": DISCRIMINATOR_WEIGHT}
    sum(weight.get(name, 1.0) * loss for name, loss in losses.items()).backward()
    results = {f"loss.{name}": loss.item() for name, loss in losses.items()}
    np.savez(scratch / "theirs.npz", **results, **update(parameters))


def masked_lm(logits: torch.Tensor, batch: dict) -> torch.Tensor:
    """The mean over masked slots of logits (B, L, V)."""
    rows = torch.arange(len(logits))[:, None]
    at = logits[rows, batch["masked_lm_positions"]]
    losses = F.cross_entropy(at.flatten(0, 1), batch["masked_lm_ids"].flatten(), reduction="none")
    weights = batch["weights"].flatten()
    return (losses * weights).sum() / weights.sum()


def pair_losses(model: torch.nn.Module, kind: str, batch: dict) -> dict:
    """BERT's and ALBERT's; a pair's label is of the same shape in both."""
    outputs = model(batch["input_ids"], batch["input_mask"], batch["segment_ids"])
    scores = outputs.seq_relationship_logits if kind == "bert" else outputs.sop_logits
    return {
        "masked_lm_loss": masked_lm(outputs.prediction_logits, batch),
        "next_sentence_loss": F.cross_entropy(scores, batch["next_sentence_labels"]),
    }


def electra_losses(model: torch.nn.Module, generator: torch.nn.Module, batch: dict) -> dict:
    """The generator's on masked ids, the discriminator's on filled ones, over all real tokens."""
    mask, segments = batch["input_mask"], batch["segment_ids"]
    logits = generator(batch["input_ids"], mask, segments).logits
    original = batch["input_ids"].clone()
    used = batch["weights"] > 0
    rows = torch.arange(len(used))[:, None].expand_as(used)
    original[rows[used], batch["masked_lm_positions"][used]] = batch["masked_lm_ids"][used]
    is_replaced = (batch["filled_ids"] != original).double()
    scores = model(batch["filled_ids"], mask, segments).logits
    losses = F.binary_cross_entropy_with_logits(scores, is_replaced, reduction="none")
    return {
        "masked_lm_loss": masked_lm(logits, batch),
        "replaced_token_loss": (losses * mask).sum() / mask.sum(),
    }


def update(parameters: dict) -> dict:
    """The weights after the first update, and the norm that their gradients were clipped by."""
    gradients = {
        name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in parameters.items()
    }
    norm = torch.sqrt(sum((g**2).sum() for g in gradients.values()))
    after = {"gradient_norm": norm.item()}
    for name, parameter in parameters.items():
        g = gradients[name] / max(1.0, norm.item())
        mean, square = (1 - BETAS[0]) * g, (1 - BETAS[1]) * g**2
        change = mean / (torch.sqrt(square) + EPSILON)
        if not name.endswith("bias") and "LayerNorm" not in name and "layer_norm" not in name:
            change = change + DECAY * parameter
        after[name] = (parameter - RATE * change).detach().numpy()
    return after


if __name__ == "__main__":
    for of_kind, of_folder in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
        main(of_kind, Path(of_folder))
