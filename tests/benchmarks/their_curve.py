"""Train models of `transformers` in PyTorch on given batches; run by .venv-transformers.

usage: python their_curve.py SETTINGS FOLDER [GENERATOR_FOLDER]

SETTINGS is Textmill's as JSON; the batches are in train.npz and eval.npz. Prints held-out losses by
step as JSON. The learning rate, the losses and the update are written from the papers' formulas.
"""

import json
import sys

import numpy as np
import torch
import torch.nn.functional as F
import transformers
from transformers.models.albert.modeling_albert import AlbertLayer

Batch = dict[str, torch.Tensor]
Losses = dict[str, torch.Tensor]


class Pairs(torch.nn.Module):
    """BERT or ALBERT with its token head on the masked positions alone, and its pair head."""

    def __init__(self, kind: str, folder: str) -> None:
        super().__init__()
        classes = {
            "bert": transformers.BertForPreTraining,
            "albert": transformers.AlbertForPreTraining,
        }
        self.model = classes[kind].from_pretrained(folder)
        if kind == "bert":
            heads = self.model.cls.predictions, self.model.cls.seq_relationship
        else:
            heads = self.model.predictions, self.model.sop_classifier.classifier
            add_dropout(self.model)
        self._encoder, (self._tokens, self._pair) = getattr(self.model, kind), heads

    def forward(self, batch: Batch) -> Losses:
        """Masked-token and pair loss."""
        inputs = batch["input_ids"], batch["input_mask"], batch["segment_ids"]
        hidden, pooled = self._encoder(*inputs, return_dict=False)[:2]
        losses = {"masked_lm_loss": masked_loss(self._tokens(at_slots(hidden, batch)), batch)}
        for name in (name for name in batch if name.endswith("_labels")):
            pair = F.cross_entropy(self._pair(pooled), batch[name])
            losses[name.replace("_labels", "_loss")] = pair
        return losses


def add_dropout(albert: torch.nn.Module) -> None:
    """Drop units at the end of the feed-forward blocks, as ALBERT's own code does.

    `transformers` makes this dropout (AlbertLayer.dropout) and never calls it.
    """
    for layer in albert.modules():
        if isinstance(layer, AlbertLayer):
            layer.ffn_output.register_forward_hook(lambda _m, _i, rows, d=layer.dropout: d(rows))


class Electra(torch.nn.Module):
    """Both halves, with one set of embeddings."""

    def __init__(self, folder: str, generator_folder: str, temperature: float) -> None:
        super().__init__()
        self.model = transformers.ElectraForPreTraining.from_pretrained(folder)
        self.generator = transformers.ElectraForMaskedLM.from_pretrained(generator_folder)
        self.generator.electra.embeddings = self.model.electra.embeddings
        words = self.model.electra.embeddings.word_embeddings.weight
        self.generator.generator_lm_head.weight = words
        self._temperature = temperature

    def forward(self, batch: Batch) -> Losses:
        """The generator's loss, and the discriminator's on its samples."""
        mask, segments = batch["input_mask"], batch["segment_ids"]
        generator = self.generator
        hidden = generator.electra(batch["input_ids"], mask, segments)[0]
        features = generator.generator_predictions(at_slots(hidden, batch))
        scores = generator.generator_lm_head(features)
        with torch.no_grad():
            chances = torch.softmax(scores.flatten(0, 1) / self._temperature, -1)
            sampled = torch.multinomial(chances, 1).view(scores.shape[:2])
        used, positions = batch["masked_lm_weights"] > 0, batch["masked_lm_positions"]
        rows = torch.arange(len(used))[:, None].expand_as(used)
        filled, is_replaced = batch["input_ids"].clone(), torch.zeros(mask.shape)
        filled[rows[used], positions[used]] = sampled[used]
        differs = (sampled != batch["masked_lm_ids"]).float()
        is_replaced[rows[used], positions[used]] = differs[used]
        logits = self.model(filled, mask, segments).logits
        losses = F.binary_cross_entropy_with_logits(logits, is_replaced, reduction="none")
        replaced = (losses * mask).sum() / mask.sum()
        return {"masked_lm_loss": masked_loss(scores, batch), "replaced_token_loss": replaced}


def at_slots(hidden: torch.Tensor, batch: Batch) -> torch.Tensor:
    """The hidden states (B, L, H) at the masked positions: (B, N, H)."""
    positions = batch["masked_lm_positions"].unsqueeze(-1).expand(-1, -1, hidden.shape[-1])
    return hidden.gather(1, positions)


def masked_loss(scores: torch.Tensor, batch: Batch) -> torch.Tensor:
    """The mean cross-entropy over used slots."""
    ids, weights = batch["masked_lm_ids"].flatten(), batch["masked_lm_weights"].flatten()
    losses = F.cross_entropy(scores.flatten(0, 1), ids, reduction="none")
    return (losses * weights).sum() / weights.sum()


def main(settings_text: str, *folders: str) -> None:
    """Train, and evaluate at the same steps as Textmill."""
    settings = json.loads(settings_text)
    trainer, kind = settings["trainer"], settings["model"]["type"]
    electra = settings["model"]["electra"]
    torch.manual_seed(settings["seed"])
    if kind == "electra":
        model: torch.nn.Module = Electra(*folders, electra["temperature"])
    else:
        model = Pairs(kind, *folders)
    weights = {"replaced_token_loss": electra["discriminator_weight"]}
    named = dict(model.named_parameters())  # each shared one once
    plain = [n for n in named if n.endswith("bias") or "norm" in n.lower()]
    groups = [
        {"params": [p for n, p in named.items() if n not in plain]},
        {"params": [named[n] for n in plain], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(
        groups,
        betas=(trainer["adam_beta_1"], trainer["adam_beta_2"]),
        eps=trainer["adam_epsilon"],
        weight_decay=trainer["weight_decay"],
    )
    train, held_out = Batches("train.npz"), Batches("eval.npz")
    curve = {}
    for step in range(trainer["steps"]):
        model.train()
        losses = model(train(step))
        sum(weights.get(name, 1.0) * loss for name, loss in losses.items()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), trainer["clip_norm"])
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(trainer, step)
        optimizer.step()
        optimizer.zero_grad()
        if (step + 1) % trainer["evaluate_every_steps"] == 0:
            curve[step + 1] = evaluate(model, held_out)
    print(json.dumps(curve))


def learning_rate(trainer: dict, step: int) -> float:
    """BERT's: up to the peak, then on the line to 0."""
    if step < trainer["warmup_steps"]:
        return trainer["learning_rate"] * (step + 1) / trainer["warmup_steps"]
    return trainer["learning_rate"] * (1 - step / trainer["steps"])


class Batches:
    """Batches in a file, by number."""

    def __init__(self, path: str) -> None:
        with np.load(path) as arrays:
            self._arrays = {name: arrays[name] for name in arrays.files}

    def __call__(self, number: int) -> Batch:
        """One batch."""
        return {name: _tensor(values[number]) for name, values in self._arrays.items()}

    def __len__(self) -> int:
        return len(self._arrays["input_ids"])


def evaluate(model: torch.nn.Module, batches: Batches) -> dict[str, float]:
    """Means over all held-out slots or tokens, as Textmill weighs them."""
    model.eval()
    sums: dict[str, np.ndarray] = {}
    with torch.no_grad():
        for number in range(len(batches)):
            batch = batches(number)
            sizes = {
                "masked_lm_loss": batch["masked_lm_weights"].sum().item(),
                "replaced_token_loss": batch["input_mask"].sum().item(),
            }
            for name, loss in model(batch).items():
                size = sizes.get(name, len(batch["input_ids"]))
                sums[name] = sums.get(name, 0) + np.array([loss.item() * size, size])
    return {name: total / size for name, (total, size) in sums.items()}


def _tensor(values: np.ndarray) -> torch.Tensor:
    return torch.tensor(values if values.dtype.kind == "f" else values.astype(np.int64))


if __name__ == "__main__":
    main(*sys.argv[1:])
