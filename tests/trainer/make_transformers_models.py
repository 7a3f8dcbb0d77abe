"""Small models as `transformers` itself makes and writes them; run by its own Python.

usage: python make_transformers_models.py FOLDER VOCABULARY

Writes a folder for each class, in shards, with the vocabulary's files beside the weights.
"""

import shutil
import sys
from pathlib import Path

import torch
import transformers

SHAPE = {
    "vocab_size": 800,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 64,
    "hidden_size": 32,
    "intermediate_size": 64,
    "initializer_range": 0.1,
}
NARROW = {"hidden_size": 16, "num_attention_heads": 1, "intermediate_size": 32}
MODELS = {
    "BertForPreTraining": SHAPE,
    # As the published ALBERTs: GELU by tanh.
    "AlbertForPreTraining": {**SHAPE, "embedding_size": 16, "hidden_act": "gelu_new"},
    "ElectraForPreTraining": {**SHAPE, "embedding_size": 16},
    "ElectraForMaskedLM": {**SHAPE, "embedding_size": 16, **NARROW},
}


def main(folder: str, vocabulary: str) -> None:
    """Writes the four; the two halves of the ELECTRA have the same embeddings."""
    torch.manual_seed(1)
    made = {}
    for name, settings in MODELS.items():
        model_class = getattr(transformers, name)
        model = model_class(model_class.config_class(**settings))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.05 * torch.randn_like(parameter))  # no bias is 0
        made[name] = model
    discriminator, generator = made["ElectraForPreTraining"], made["ElectraForMaskedLM"]
    generator.electra.embeddings.load_state_dict(discriminator.electra.embeddings.state_dict())
    for name, model in made.items():
        target = Path(folder) / name
        shutil.copytree(vocabulary, target)
        model.save_pretrained(target, max_shard_size="60KB")


if __name__ == "__main__":
    main(*sys.argv[1:])
