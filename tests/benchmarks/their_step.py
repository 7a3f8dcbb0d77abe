"""Time a training step of Hugging Face's BERT in PyTorch; run by the Python of .venv-transformers.

usage: python their_step.py WORK.json FORM …

FORM is `eager` or `compile`, with PyTorch's fused attention (SDPA) and dropout. With `+plain`,
attention is written out and dropout uses 8 random bits per unit, both of which are faster here.
For each line `FORM COUNT` on stdin, prints the seconds of COUNT steps.
"""

import json
import sys
import time

import torch
import torch.nn.functional as F
from transformers import BertConfig, BertForPreTraining


def drop_by_octets(
    x: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> torch.Tensor:
    """Replace PyTorch's dropout: keep a unit if its 8 random bits are not below the rate."""
    del inplace
    threshold = round(p * 256)
    if not training or not threshold:
        return x
    words = torch.empty(-(-x.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
    octets = words.view(torch.uint8)[: x.numel()].view(x.shape)
    return torch.where(octets >= threshold, x * (256 / (256 - threshold)), 0.0)


class Trained(torch.nn.Module):
    """The encoder, a token head on the masked positions alone, and the losses."""

    def __init__(self, bert: BertForPreTraining, device: str) -> None:
        super().__init__()
        self.bert = bert
        self._device = device

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Masked-token loss and next-sentence loss, added."""
        with torch.autocast(self._device, torch.bfloat16):
            hidden, pooled = self.bert.bert(
                batch["input_ids"], batch["input_mask"], batch["segment_ids"], return_dict=False
            )
            positions = batch["masked_lm_positions"].unsqueeze(-1).expand(-1, -1, hidden.shape[-1])
            masked = hidden.gather(1, positions)
            scores = self.bert.cls.predictions(masked)
            pairs = self.bert.cls.seq_relationship(pooled)
        losses = F.cross_entropy(
            scores.float().flatten(0, 1), batch["masked_lm_ids"].flatten(), reduction="none"
        )
        weights = batch["masked_lm_weights"].flatten()
        masked_loss = (losses * weights).sum() / weights.sum()
        return masked_loss + F.cross_entropy(pairs.float(), batch["next_sentence_labels"])


class Step:
    """One update of a model of its own."""

    def __init__(self, work: dict, form: str) -> None:
        kind, _, dropout = form.partition("+")
        self._drop = drop_by_octets if dropout else F.dropout
        torch.manual_seed(1)
        model = BertForPreTraining(
            BertConfig(
                vocab_size=work["vocab_size"],
                num_hidden_layers=work["num_layers"],
                hidden_size=work["hidden_size"],
                num_attention_heads=work["num_heads"],
                intermediate_size=work["intermediate_size"],
                hidden_dropout_prob=work["dropout"],
                attention_probs_dropout_prob=work["dropout"],
                attn_implementation="eager" if dropout else "sdpa",
            )
        ).train()
        device = work.get("device", "cpu")
        self._model = Trained(model.to(device), device)
        self._run = torch.compile(self._model) if kind == "compile" else self._model
        decayed = [p for n, p in model.named_parameters() if p.ndim > 1 and "LayerNorm" not in n]
        rest = [p for n, p in model.named_parameters() if p.ndim == 1]
        groups = [{"params": decayed}, {"params": rest, "weight_decay": 0.0}]
        self._optimizer = torch.optim.AdamW(
            groups, lr=1e-4, eps=1e-6, weight_decay=0.01, fused=True
        )
        self._batch = {name: value.to(device) for name, value in _batch(work).items()}

    def __call__(self) -> float:
        """Seconds of one update."""
        F.dropout = self._drop
        start = time.perf_counter()
        loss = self._run(self._batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        loss.item()
        return time.perf_counter() - start


def _batch(work: dict) -> dict[str, torch.Tensor]:
    """Random ids; the values do not change the time."""
    rows, length, slots = work["batch_size"], work["seq_length"], work["max_predictions"]
    draw = torch.Generator().manual_seed(1)

    def ids(high: int, *shape: int) -> torch.Tensor:
        return torch.randint(0, high, shape, generator=draw)

    positions = torch.stack([torch.randperm(length, generator=draw)[:slots] for _ in range(rows)])
    return {
        "input_ids": ids(work["vocab_size"], rows, length),
        "input_mask": torch.ones(rows, length, dtype=torch.long),
        "segment_ids": ids(2, rows, length),
        "masked_lm_positions": positions,
        "masked_lm_ids": ids(work["vocab_size"], rows, slots),
        "masked_lm_weights": torch.ones(rows, slots),
        "next_sentence_labels": ids(2, rows),
    }


def matrix_product() -> float:
    """Seconds of a bfloat16 product of two square matrices of 2048."""
    a, b = torch.randn(2, 2048, 2048, dtype=torch.bfloat16)
    start = time.perf_counter()
    for _ in range(4):
        a @ b
    return (time.perf_counter() - start) / 4


def main(work_text: str, *forms: str) -> None:
    """Answers each line `FORM COUNT` on the standard input with the seconds of so many steps."""
    work = json.loads(work_text)
    steps = {form: Step(work, form) for form in forms}
    for line in sys.stdin:
        form, count = line.split()
        run = matrix_product if form == "peak" else steps[form]
        print(json.dumps([run() for _ in range(int(count))]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
