"""A vocabulary to its files, which `transformers` loads as they are."""

import json

from components.vocabulary_gen.made import Made
from core import storage
from core.vocabulary.tokenizer_file import CONFIG_FILE, TOKENIZER_FILE, normalizer_flags
from core.vocabulary.unigram import PIECE_SPECIALS, SPIECE_FILE
from core.vocabulary.wordpiece import SPECIALS, VOCAB_FILE


def write_vocabulary(made: Made, folder: str) -> None:
    """Writes vocab.txt or spiece.model, tokenizer.json and tokenizer_config.json.

    Equal bytes for equal input.
    """
    parsed = json.loads(made.tokenizer.to_str())
    is_wordpiece = made.kind == "wordpiece"
    specials = SPECIALS if is_wordpiece else PIECE_SPECIALS
    config = tokenizer_config(specials, *normalizer_flags(parsed["normalizer"]))
    files = {
        VOCAB_FILE if is_wordpiece else SPIECE_FILE: _model_bytes(made),
        TOKENIZER_FILE: _dump(parsed),
        CONFIG_FILE: _dump(config),
    }
    for name, content in files.items():
        storage.write_bytes(storage.join(folder, name), content)


def tokenizer_config(
    specials: tuple[str, ...], lowercase: bool, strip_accents: bool
) -> dict[str, object]:
    """What `transformers` needs beside tokenizer.json.

    The class is the general one, which takes tokenizer.json as it is: BertTokenizer and
    AlbertTokenizer would put a normaliser of their own in the place of ours.
    """
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **dict(zip(names, specials, strict=True)),
        "clean_up_tokenization_spaces": False,
        "do_lower_case": lowercase,
        "strip_accents": strip_accents,
        "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
    }


def _model_bytes(made: Made) -> bytes:
    if made.kind == "sentencepiece":
        return made.spiece_model
    vocab = made.tokenizer.get_vocab(with_added_tokens=False)
    return "".join(f"{token}\n" for token in sorted(vocab, key=lambda t: vocab[t])).encode()


def _dump(content: dict[str, object]) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()
