"""Text from files and servers in messages."""

from __future__ import annotations

import errno
import os

import pytest

from medpaint.core.text import LONGEST, described_os, distinct_digits, escaped, known_words, problem, short_repr


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("Müller 頭部", "Müller 頭部"),
        ("a\tb\nc\rd", r"a\tb\nc\rd"),
        ("\x1b[31mred\x00", r"\x1b[31mred\x00"),
        ("\u202etfel\u2028", r"\u202etfel\u2028"),
        ("half \udcff", r"half \udcff"),
        ("", ""),
    ],
)
def test_text_stays_on_one_line_without_control_characters(text: str, shown: str) -> None:
    assert escaped(text) == shown


@pytest.mark.parametrize("text", ["x" * 10_000_000, "\0" * 1000, "x" * (LONGEST + 1)])
def test_text_is_of_bounded_length(text: str) -> None:
    shown = escaped(text)
    assert len(shown) == LONGEST
    assert shown.endswith("…")


def test_text_that_just_fits_is_whole() -> None:
    assert escaped("x" * LONGEST) == "x" * LONGEST


@pytest.mark.parametrize("text", ["", "3 4 5", "-1.5e-3", "Gzip", "raw\t12"])
def test_numbers_and_known_words_are_shown(text: str) -> None:
    assert known_words(text, {"gzip", "raw"}) == " ".join(text.split())


@pytest.mark.parametrize("text", ["Smith", "gzip Smith", "1946-03-12", "3 Smith^John"])
def test_other_text_is_withheld(text: str) -> None:
    shown = known_words(text, {"gzip", "raw"})
    assert shown == f"a text of {len(text)} characters, withheld because it could name a person"


@pytest.mark.parametrize(
    ("value", "other", "expected"),
    [
        (0.02, 0.5, "0.02"),
        (0.0200001, 0.02, "0.0200001"),
        (20.3, 20.0, "20.3"),
        (19.99, 20.0, "19.99"),
        (1234.5, 20.0, "1234"),
        (0.99999, 1.0, "0.99999"),
        (1.00000001e-6, 1e-6, "1.00000001e-06"),
        (3.0, 3.0, "3"),
    ],
)
def test_a_number_is_on_its_side_of_another(value: float, other: float, expected: str) -> None:
    assert distinct_digits(value, other) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, "5"),
        ("a\nb", r"'a\nb'"),
        pytest.param(10**5000, "a value of type int", id="huge"),
        ([1] * 1000, "[1, 1, 1, 1, 1, 1, ...]"),
    ],
)
def test_any_value_is_shown_on_one_short_line(value: object, expected: str) -> None:
    assert short_repr(value) == expected


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EIO, os.strerror(errno.EIO), "a.nii"), "cannot read or write a.nii: Input/output error"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "cannot read or write: No space left on device"),
        (OSError("closed"), "cannot read or write: closed"),
        (OSError(errno.ENOMEM, "the decoder was killed"), "the decoder was killed"),
    ],
)
def test_errors_of_the_system_name_their_file_and_words_of_our_own_stand_alone(error: OSError, words: str) -> None:
    assert described_os(error) == words


@pytest.mark.parametrize(
    ("loc", "skip", "msg", "expected"),
    [
        (("fill", "seed"), 1, "Value error, Expected a seed", "seed: expected a seed"),
        ((), 0, "Invalid JSON", "invalid JSON"),
        (("a\x1b[2J\n",), 0, "Bad\nvalue \x1b", r"a\x1b[2J\n: bad\nvalue \x1b"),
        (("a",), 0, "Value error, ", "a: "),
    ],
)
def test_what_is_wrong_with_a_value_stays_on_one_line(
    loc: tuple[str, ...], skip: int, msg: str, expected: str
) -> None:
    assert problem({"loc": loc, "msg": msg}, skip=skip) == expected
