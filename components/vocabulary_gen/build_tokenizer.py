"""Settings to the normaliser of text, one for both kinds of vocabulary."""

from typing import Any

from tokenizers import normalizers


def make_normalizer(*, lowercase: bool, strip_accents: bool, split_cjk: bool) -> Any:
    """NFC, BERT's normaliser, and NFC again.

    The last one puts together what lower-casing leaves apart, and the Hangul that stripping
    accents has taken apart, so that Korean stays whole with any setting. NFC and not NFKC: that
    would turn ㅋㅋ, as Koreans write it, into jamo, and ① into 1.

    Args:
        lowercase: whether upper and lower case are one.
        strip_accents: whether accents are dropped.
        split_cjk: whether Chinese characters (those of Japanese too, but not kana) are words of
            their own.
    """
    bert = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=split_cjk,
        strip_accents=strip_accents,
        lowercase=lowercase,
    )
    return normalizers.Sequence([normalizers.NFC(), bert, normalizers.NFC()])
