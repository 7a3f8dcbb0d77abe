"""A tokenizer to the files of a vocabulary, which `transformers` loads as they are."""

import json

from tokenizers import Tokenizer

from components.vocabulary_gen.import_folder import CONFIG_FILE
from trainer import storage
from trainer.vocab_file import VOCAB_FILE
from trainer.vocabulary import TOKENIZER_FILE, normaliser_flags

FILES = (VOCAB_FILE, TOKENIZER_FILE, CONFIG_FILE)


def write_vocabulary(tokenizer: Tokenizer, folder: str) -> None:
    """Writes vocab.txt, tokenizer.json and tokenizer_config.json; equal bytes for equal input."""
    vocab = tokenizer.get_vocab(with_added_tokens=False)
    lines = "".join(f"{token}\n" for token in sorted(vocab, key=lambda t: vocab[t]))
    parsed = json.loads(tokenizer.to_str())
    config = tokenizer_config(*normaliser_flags(parsed["normalizer"]))
    for name, content in zip(FILES, (lines, _dump(parsed), _dump(config)), strict=True):
        storage.write_bytes(storage.join(folder, name), content.encode())


def tokenizer_config(lowercase: bool, strip_accents: bool) -> dict[str, object]:
    """What `transformers` needs beside tokenizer.json.

    The class is the general one, which takes tokenizer.json as it is: BertTokenizer would put a
    normaliser of its own in the place of ours.
    """
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
        "clean_up_tokenization_spaces": False,
        "do_lower_case": lowercase,
        "strip_accents": strip_accents,
        "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
    }


def _dump(content: dict[str, object]) -> str:
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"
