"""One step of fine-tuning in PyTorch, with a model of `transformers`; run by its own Python.

usage: python torch_fine_tuning.py GIVEN.npz CLASS FOLDER

GIVEN holds the batch, the head's first weights and the learning rate. Writes CLASS.npz: the loss,
and every weight after a step of PyTorch's own AdamW.
"""

import sys

import numpy as np
import torch
import torch.nn.functional as F
import transformers


def main(given_path: str, class_name: str, folder: str) -> None:
    """Clip the gradient to a norm of 1, and update."""
    given = np.load(given_path)
    classes = len(given["classifier.bias"])
    model_class = getattr(transformers, class_name)
    model = model_class.from_pretrained(folder, num_labels=classes).double()
    with torch.no_grad():
        model.classifier.weight.copy_(torch.tensor(given["classifier.weight"]))
        model.classifier.bias.copy_(torch.tensor(given["classifier.bias"]))
    model.eval()  # no dropout
    ids, mask, segments, labels = (
        torch.tensor(given[name].astype(np.int64))
        for name in ("input_ids", "input_mask", "segment_ids", "task_labels")
    )
    scores = model(ids, mask, segments).logits
    labels = labels[:, 0] if scores.dim() == 2 else labels.flatten()
    loss = F.cross_entropy(scores.reshape(-1, classes), labels, ignore_index=-1)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0, error_if_nonfinite=True)
    parameters = dict(model.named_parameters())
    plain = [n for n in parameters if n.endswith("bias") or "orm." in n]
    groups = [
        {"params": [p for n, p in parameters.items() if n in plain], "weight_decay": 0.0},
        {"params": [p for n, p in parameters.items() if n not in plain], "weight_decay": 0.01},
    ]
    torch.optim.AdamW(groups, lr=float(given["rate"]), betas=(0.9, 0.999), eps=1e-6).step()
    after = {name: parameter.detach().numpy() for name, parameter in parameters.items()}
    np.savez(f"{class_name}.npz", loss=loss.item(), **after)


if __name__ == "__main__":
    main(*sys.argv[1:])
