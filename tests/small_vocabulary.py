"""Write a small WordPiece folder for any test, using only the `tokenizers` library."""

from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ENTRIES = [*SPECIALS, "[unused0]", "the", "class", "##es", "method", "object", "한국", "##어", "."]


def write_small_vocabulary(folder: Path, entries: list[str] | None = None) -> Path:
    """Write vocab.txt and tokenizer.json; the id of an entry is its index."""
    entries = entries or ENTRIES
    folder.mkdir(parents=True, exist_ok=True)
    vocab = {entry: n for n, entry in enumerate(entries)}
    tokenizer = Tokenizer(
        models.WordPiece(vocab, unk_token=SPECIALS[1], max_input_chars_per_word=100)
    )
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFC(),
            normalizers.BertNormalizer(lowercase=True, strip_accents=False),
            normalizers.NFC(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens([AddedToken(s, special=True) for s in SPECIALS if s in vocab])
    (folder / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")
    (folder / "vocab.txt").write_text("".join(f"{e}\n" for e in entries), encoding="utf-8")
    return folder
