"""What the tokenizers of `transformers` make of texts; run by its own Python.

usage: python transformers_encode.py TEXTS.json FOLDER [FOLDER …]

Prints a line of JSON for each folder.
"""

import json
import sys
from pathlib import Path

from transformers import AutoTokenizer


def main(texts_path: str, *folders: str) -> None:
    """Encode each text, and the first two as a pair."""
    texts = json.loads(Path(texts_path).read_text(encoding="utf-8"))
    for folder in folders:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        pair = tokenizer(texts[0], texts[1])
        answer = {
            "ids": tokenizer(texts, add_special_tokens=False)["input_ids"],
            "specials": [
                tokenizer.pad_token_id,
                tokenizer.unk_token_id,
                tokenizer.cls_token_id,
                tokenizer.sep_token_id,
                tokenizer.mask_token_id,
            ],
            "size": len(tokenizer),
            "pair": [pair["input_ids"], pair["token_type_ids"]],
        }
        print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
