"""Check that the two files of a SentencePiece vocabulary give real text the same ids."""

from collections.abc import Iterable, Sequence
from itertools import islice

from tokenizers import Tokenizer

from core.vocabulary.tokenizer_file import VocabularyError

COMPARED_DOCUMENTS = 2000
# Share of sentences. `tokenizers` applies the character table to some characters differently.
MAX_DIFFERING_SHARE = 0.001


def count_differing(
    tokenizer: Tokenizer, spiece_model: bytes, documents: Iterable[Sequence[str]]
) -> int:
    """Count the sentences to which tokenizer.json and spiece.model give different ids.

    Only the first documents are compared. Both get text from the normalizer of tokenizer.json, as
    in the exported model.

    Raises:
        VocabularyError: more than one in a thousand sentences differ.
    """
    from sentencepiece import SentencePieceProcessor

    model = SentencePieceProcessor(model_proto=spiece_model)
    total, differing = 0, []
    for sentences in islice(documents, COMPARED_DOCUMENTS):
        encodings = tokenizer.encode_batch(list(sentences), add_special_tokens=False)
        pieces = model.encode([_normalize(tokenizer, sentence) for sentence in sentences])
        total += len(sentences)
        pairs = zip(sentences, encodings, pieces, strict=True)
        differing += [sentence for sentence, encoding, ids in pairs if encoding.ids != ids]
    if len(differing) > MAX_DIFFERING_SHARE * total:
        raise VocabularyError(
            f"tokenizer.json and spiece.model give different ids to {len(differing):,} of "
            f"{total:,} sentences, the first {differing[0][:80]!r}. They belong to different "
            f"vocabularies: import a folder with only one of the two files."
        )
    return len(differing)


def _normalize(tokenizer: Tokenizer, sentence: str) -> str:
    return tokenizer.normalizer.normalize_str(sentence) if tokenizer.normalizer else sentence
