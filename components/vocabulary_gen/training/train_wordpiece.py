"""Text to a WordPiece tokenizer: the same bytes for the same text, on any machine."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from components.vocabulary_gen.build_tokenizer import make_normalizer
from core.vocabulary.wordpiece import SPECIALS

MAX_WORD_CHARACTERS = 100  # a longer word is [UNK]; that of `transformers`
ALPHABET_SHARE = 0.75  # of the entries, at most, for single characters; the rest are merges
ALPHABET_COVERAGE = 0.9999  # of the text's characters; the rest makes about 0.05 % of words [UNK]
CONTINUATION = "##"


def train_tokenizer(
    documents: Iterable[Sequence[str]],
    *,
    size: int,
    lowercase: bool,
    strip_accents: bool,
    min_frequency: int,
    split_cjk: bool = True,
) -> tuple[Tokenizer, Counter[str]]:
    """Trains a WordPiece tokenizer.

    Args:
        documents: the sentences of each; read twice.
        size: entries that are asked for, specials among them.
        lowercase: whether upper and lower case are one.
        strip_accents: whether accents are dropped.
        min_frequency: occurrences of a pair that may become an entry.
        split_cjk: whether Chinese characters are words of their own.

    Returns:
        The tokenizer, and counts: `alphabet` (characters with an entry) and `rare_characters`
        (characters without).
    """
    normalizer = make_normalizer(
        lowercase=lowercase, strip_accents=strip_accents, split_cjk=split_cjk
    )
    seen = count_characters(documents, normalizer)
    alphabet = choose_alphabet(seen, size, split_cjk)
    trained = _plain_tokenizer(models.WordPiece(unk_token=SPECIALS[1]), normalizer)
    # The library numbers continuing characters in the order of a hash map, and breaks ties between
    # merges by these numbers, so that two runs differ. Named beforehand, they have fixed numbers.
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        min_frequency=min_frequency,
        special_tokens=[*SPECIALS, *entries_of(alphabet, split_cjk)],
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=False,
    )
    trained.train_from_iterator(documents, trainer)
    counts = Counter(alphabet=len(alphabet), rare_characters=len(seen) - len(alphabet))
    return make_tokenizer(trained.get_vocab(), normalizer), counts


def make_tokenizer(vocab: dict[str, int], normalizer: Any) -> Tokenizer:
    """A tokenizer of these entries, with BERT's five specials as added tokens."""
    model = models.WordPiece(
        vocab, unk_token=SPECIALS[1], max_input_chars_per_word=MAX_WORD_CHARACTERS
    )
    tokenizer = _plain_tokenizer(model, normalizer)
    tokenizer.decoder = decoders.WordPiece(prefix=CONTINUATION)
    tokenizer.add_special_tokens(list(SPECIALS))
    tokenizer.post_processor = bert_template(vocab)
    return tokenizer


def bert_template(vocab: dict[str, int]) -> Any:
    """[CLS] A [SEP], or [CLS] A [SEP] B [SEP], for readers that want whole inputs."""
    return processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[(name, vocab[name]) for name in ("[CLS]", "[SEP]")],
    )


def count_characters(documents: Iterable[Sequence[str]], normalizer: Any) -> Counter[str]:
    """How often each character occurs in normalised text; white space is left out."""
    counts: Counter[str] = Counter()
    for sentences in documents:
        counts.update(normalizer.normalize_str("\n".join(sentences)))
    return Counter({c: n for c, n in counts.items() if not c.isspace()})


def choose_alphabet(counts: Counter[str], size: int, split_cjk: bool = True) -> list[str]:
    """The characters that get an entry: the frequent ones.

    As many as cover the text but for one character in ten thousand, and leave room for merges.
    A character without an entry turns its whole word into [UNK]; one with an entry that hardly
    ever occurs takes the place of a word.
    """
    room = int(ALPHABET_SHARE * size) - len(SPECIALS)
    to_cover = ALPHABET_COVERAGE * sum(counts.values())
    alphabet = []
    for character in sorted(counts, key=lambda c: (-counts[c], c)):
        room -= len(entries_of([character], split_cjk))
        if room < 0 or to_cover <= 0:
            break
        to_cover -= counts[character]
        alphabet.append(character)
    return sorted(alphabet)


def entries_of(alphabet: Sequence[str], split_cjk: bool = True) -> list[str]:
    """The entries for characters: each alone, and behind `##` if a word can go on with it."""
    return [*alphabet, *(CONTINUATION + c for c in alphabet if _can_continue(c, split_cjk))]


def _can_continue(character: str, split_cjk: bool) -> bool:
    """Whether the pre-tokenizer leaves the character in a word, as it does not punctuation."""
    bert = normalizers.BertNormalizer(lowercase=False, handle_chinese_chars=split_cjk)
    spaced = bert.normalize_str("a" + character)
    return len(pre_tokenizers.BertPreTokenizer().pre_tokenize_str(spaced)) == 1


def _plain_tokenizer(model: Any, normalizer: Any) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer
