"""Word what people read on the terminal and the pages: names of counters, and hostile text.

Corpus text and file names come from strangers. Each page escapes its own HTML or Markdown; this
module removes what escaping lets through (Unicode TR 36, "trojan source").
"""

import unicodedata

# Joiners that Persian, Indic scripts and emoji need.
_KEPT_FORMAT = {"\u200c", "\u200d"}
# Control, format (including bidi controls), surrogate, private use, line and paragraph separators.
_REMOVED = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}

COUNTER_NAMES = {
    "files": "text files read",
    "lines": "lines",
    "records": "records with text",
    "documents": "documents",
    "sentences": "sentences",
    "text_bytes": "bytes of text (UTF-8)",
    "bad_encoding": "lines that are not UTF-8, dropped",
    "bad_record": "records without valid text, dropped",
    "long_line": "lines over the length limit, dropped",
    "empty_files": "files without a sentence",
    "duplicate_documents": "documents that repeat an earlier one",
    "dropped_duplicates": "duplicates dropped",
    "dropped_near_duplicates": "near-duplicates dropped",
    "contaminated_documents": "documents that contain a held-out text of a task",
    "dropped_by_weight": "documents left out by the weights of the sources",
    "boilerplate_lines": "lines that many documents share, dropped",
    "boilerplate_documents": "documents of such lines only, left out",
    "filtered_language": "documents in another language, left out",
    "filtered_language_score": "documents whose language is not clear, left out",
    "filtered_short": "documents with less than 50 words, left out",
    "filtered_long": "documents with more than 100,000 words, left out",
    "filtered_word_length": "documents with very short or long words, left out",
    "filtered_symbols": "documents with many # or ellipses, left out",
    "filtered_bullets": "documents of bullet points, left out",
    "filtered_ellipses": "documents whose lines end in ellipses, left out",
    "filtered_not_alphabetic": "documents with few alphabetic words, left out",
    "filtered_stop_words": "documents without English stop words, left out",
    "filtered_repeated_lines": "documents that repeat their lines, left out",
    "filtered_repeated_phrases": "documents that repeat their phrases, left out",
    "cut_documents": "documents cut at the size limit",
    "control_characters": "control characters removed",
    "byte_order_marks": "byte order marks removed",
    "line_separators": "Unicode line separators replaced by spaces",
    "corpus_tokens": "tokens in the documents (each counted once)",
    "instances": "instances",
    "real_tokens": "real tokens (including [CLS] and [SEP])",
    "padding_tokens": "padding positions",
    "masked_tokens": "tokens to predict",
    "mask_replaced": "… replaced by [MASK]",
    "random_replaced": "… replaced by a random token",
    "kept": "… left unchanged",
    "unknown_tokens": "[UNK] tokens",
    "random_next": "pairs with a random second segment",
    "actual_next": "pairs of consecutive segments",
    "random_from_same_document": "… of them from the same document",
    "swapped": "pairs with swapped segments",
    "in_order": "pairs in order",
    "balancing_instances": "instances added to balance the labels",
    "single_sentence_documents": "documents with a single sentence",
    "empty_documents": "documents without a token, left out",
    "empty_sentences": "sentences without a token, left out",
    "no_pair": "documents without a second sentence, left out",
    "unpaired_tails": "last sentences of documents, left out because none follows",
    "overlong_sentences": "sentences longer than an instance",
    "truncated_tokens": "tokens cut to make a pair fit",
    "unmaskable_instances": "instances without a token to mask",
    "vocab_size": "pieces",
    "measured_words": "words checked for [UNK]",
    "unknown_words": "… of them [UNK]",
    "measured_tokens": "pieces they were split into",
    "alphabet": "characters with a piece of their own",
    "rare_characters": "characters too rare for a piece",
    "trained_bytes": "bytes of training text",
    "missing_entries": "requested pieces that the text did not yield",
}  # fmt: skip


def name_counter(name: str) -> str:
    """Return a counter's label; an unknown counter keeps its name, without underscores."""
    return COUNTER_NAMES.get(name, name.replace("_", " "))


def counter_sort_key(name: str) -> tuple[int, str]:
    """Return a sort key: the order of COUNTER_NAMES, then unknown counters by name."""
    names = list(COUNTER_NAMES)
    return (names.index(name) if name in names else len(names), name)


def visible(text: str) -> str:
    """Return the text on one line, without characters that change how other text is shown.

    Tabs and line ends become spaces; other control, bidi and private-use characters are removed.
    """
    one_line = " ".join(text.split())
    return "".join(c for c in one_line if _is_visible(c))


def shorten(text: str, limit: int) -> str:
    """Return at most `limit` characters; an ellipsis is the last one if the text was cut."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _is_visible(character: str) -> bool:
    return character in _KEPT_FORMAT or unicodedata.category(character) not in _REMOVED
