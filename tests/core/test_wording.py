"""Names of counters, and text that is safe to show."""

import pytest

from core.wording import counter_sort_key, name_counter, shorten, visible


def test_an_unknown_counter_keeps_its_name() -> None:
    assert name_counter("new_skip") == "new skip"
    assert sorted(["zeta", "instances", "alpha", "files"], key=counter_sort_key) == [
        "files", "instances", "alpha", "zeta",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("a\x1b[31mb\x00\x7f\x9b", "a[31mb"),  # terminal escapes, C0, DEL, C1
        ("user\u202egnp.exe", "usergnp.exe"),  # right-to-left override
        ("\u2066x\u2069\u200ey\u061c", "xy"),  # isolates and marks
        ("a\ufeff\u200b\u00adb", "ab"),  # byte order mark, zero-width space, soft hyphen
        ("two\n\tlines\r\u2028three", "two lines three"),
        ("\ud800x\ue000", "x"),  # a lone surrogate, private use
        ("한국어 – naïve – 🙂", "한국어 – naïve – 🙂"),
        ("می\u200cخواهم", "می\u200cخواهم"),  # a joiner that Persian needs
    ],
)
def test_only_visible_characters_are_kept(hostile: str, shown: str) -> None:
    assert visible(hostile) == shown


def test_a_long_text_ends_with_an_ellipsis() -> None:
    assert shorten("short", 5) == "short"
    assert shorten("a long one", 7) == "a long…"
