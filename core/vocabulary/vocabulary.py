"""Load a vocabulary from its folder, for tokenization, masking, the model and the export."""

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from core import manifest, storage
from core.vocabulary import tokenizer_file
from core.vocabulary.tokenizer_file import Kind, VocabularyError
from core.vocabulary.unigram import SPIECE_FILE, read_pieces, unigram_entries
from core.vocabulary.wordpiece import VOCAB_FILE, parse_vocab, wordpiece_entries

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """A vocabulary of V tokens that was read and checked."""

    folder: str
    digest: str  # sha256 of tokenizer.json and the model file, hex
    kind: Kind
    model_file: str  # vocab.txt or spiece.model
    size: int  # V
    pad_id: int
    unk_id: int
    cls_id: int
    sep_id: int
    mask_id: int
    special_ids: tuple[int, ...]  # never masked, never drawn; specials and [unused…], ascending
    continuation: npt.NDArray[np.bool_]  # (V,) whether the token continues a word …
    ends_word: npt.NDArray[np.bool_]  # (V,) … unless the token before it has this set
    tokens: tuple[str, ...]  # (V,)
    lowercase: bool  # whether the normalizer lowercases
    strip_accents: bool

    @property
    def named_ids(self) -> dict[str, int]:
        """The ids of the five special tokens by name."""
        ids = (self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id)
        return {self.tokens[n]: n for n in ids}

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the files, which are copied to every model trained with the vocabulary."""
        return (self.model_file, tokenizer_file.TOKENIZER_FILE, tokenizer_file.CONFIG_FILE)

    def tokenizer(self) -> "Tokenizer":
        """Return the tokenizer of plain text: it adds no specials, truncates and pads nothing.

        The name of a special token in a text, such as "[MASK]", is treated as ordinary text.
        """
        from tokenizers import Tokenizer

        return Tokenizer.from_str(
            json.dumps(
                tokenizer_file.plain_tokenizer(tokenizer_file.read_tokenizer(self.folder)[0])
            )
        )


def load_vocabulary(folder: str) -> Vocabulary:
    """Read and check a vocabulary.

    Args:
        folder: holds tokenizer.json and either vocab.txt (WordPiece) or spiece.model
            (SentencePiece). If it has a manifest, the files are compared with it.

    Raises:
        VocabularyError: a file is missing or damaged, the two files differ, a special token is
            missing, or an entry is empty, duplicate or can never match.
    """
    path = storage.join(folder, tokenizer_file.TOKENIZER_FILE)
    tokenizer, tokenizer_bytes = tokenizer_file.read_tokenizer(folder)
    kind = tokenizer_file.model_kind(tokenizer, path)
    read_entries = wordpiece_entries if kind == "wordpiece" else unigram_entries
    entries = read_entries(folder, tokenizer, path)
    tokenizer_file.check_nfc(tokenizer, entries.tokens, path)
    digest = files_digest(tokenizer_bytes, entries.model_bytes)
    _check_manifest(folder, digest)
    lowercase, strip_accents = tokenizer_file.normalizer_flags(tokenizer.get("normalizer"))
    pad_id, unk_id, cls_id, sep_id, mask_id = entries.named_ids
    for array in (entries.continuation, entries.ends_word):
        array.setflags(write=False)
    vocabulary = Vocabulary(
        folder=folder,
        digest=digest,
        kind=kind,
        model_file=entries.model_file,
        size=len(entries.tokens),
        pad_id=pad_id,
        unk_id=unk_id,
        cls_id=cls_id,
        sep_id=sep_id,
        mask_id=mask_id,
        special_ids=entries.special_ids,
        continuation=entries.continuation,
        ends_word=entries.ends_word,
        tokens=entries.tokens,
        lowercase=lowercase,
        strip_accents=strip_accents,
    )
    _check_specials_in_text(vocabulary, path)
    return vocabulary


def files_digest(tokenizer_bytes: bytes, model_bytes: bytes) -> str:
    """Return the digest that identifies a vocabulary: sha256 of its two files, hex."""
    return hashlib.sha256(tokenizer_bytes + model_bytes).hexdigest()


def read_files_digest(folder: str) -> str | None:
    """Return the digest of a folder's vocabulary without checking it; None if a file is missing."""
    tokenizer_bytes, *models = (
        storage.read_if_exists(storage.join(folder, name))
        for name in (tokenizer_file.TOKENIZER_FILE, VOCAB_FILE, SPIECE_FILE)
    )
    model_bytes = next((content for content in models if content is not None), None)
    if tokenizer_bytes is None or model_bytes is None:
        return None
    return files_digest(tokenizer_bytes, model_bytes)


def read_tokens(folder: str) -> tuple[str, tuple[str, ...]] | None:
    """Return the tokens of a folder by id, and their file; None if it has no vocabulary.

    Raises:
        VocabularyError: the file is damaged.
    """
    readers = {
        VOCAB_FILE: parse_vocab,
        SPIECE_FILE: _spiece_tokens,
        tokenizer_file.TOKENIZER_FILE: _json_tokens,
    }
    for name, read in readers.items():
        path = storage.join(folder, name)
        if (content := storage.read_if_exists(path)) is not None:
            return path, read(content, path)
    return None


def _spiece_tokens(content: bytes, path: str) -> tuple[str, ...]:
    return tuple(piece for piece, _ in read_pieces(content, path))


def _json_tokens(content: bytes, path: str) -> tuple[str, ...]:
    vocab = tokenizer_file.parse_tokenizer(content, path)[1].get_vocab()
    return tuple(sorted(vocab, key=vocab.__getitem__))


def _check_manifest(folder: str, digest: str) -> None:
    if (written := manifest.read_manifest_if_exists(folder)) is None:
        return
    facts = written.facts
    if facts.get("digest", digest) != digest:
        raise VocabularyError(
            f"{folder}: the files are not what was written (digest {digest[:12]}…, the manifest "
            f"says {str(facts['digest'])[:12]}…). Delete the folder and run again."
        )


def _check_specials_in_text(vocabulary: Vocabulary, path: str) -> None:
    """Require that "[MASK]" in a text never gets the id of the special token."""
    tokenizer = vocabulary.tokenizer()
    specials = set(vocabulary.special_ids) - {vocabulary.unk_id}
    for name, number in vocabulary.named_ids.items():
        if number != vocabulary.unk_id and specials & set(tokenizer.encode(name).ids):
            raise VocabularyError(
                f"{path}: a literal {name} in a text becomes the special's id. Import a tokenizer "
                f"that splits at punctuation, as BERT's does."
            )
