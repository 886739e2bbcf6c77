"""Flags made from parameters."""

from __future__ import annotations

import argparse

import pytest

from medpaint.cli.options import add_parameters, given_parameters
from medpaint.parameters import FIELDS, Parameters


def parse(*words: str) -> dict[str, object]:
    """Return the parameters that flags give."""
    parser = argparse.ArgumentParser()
    add_parameters(parser, FIELDS)
    return given_parameters(parser.parse_args(words))


def test_flags_that_are_not_given_leave_no_parameter() -> None:
    assert parse() == {}


def test_values_have_the_type_of_their_parameter() -> None:
    words = ["--frame", "2", "--series", "1.2", "--dilate-mm", "3", "--seed", "4", "--membrane"]
    given = parse(*words, "--labels", "1", "-2", "tumour", "--effort", "best")
    assert given == {
        "frame": 2,
        "series": "1.2",
        "dilate_mm": 3.0,
        "seed": 4,
        "membrane": True,
        "labels": [1, -2, "tumour"],
        "effort": "best",
    }
    assert isinstance(given["dilate_mm"], float)
    assert Parameters.of(given).mask.labels == (1, -2, "tumour")


def test_a_flag_with_several_values_can_be_repeated_and_take_values_with_dashes() -> None:
    assert parse("--labels=1", "--labels=-2", "--labels=-left lung") == {"labels": [1, -2, "-left lung"]}


@pytest.mark.parametrize("words", [["--frame", "x"], ["--effort", "some"], ["--dilate-mm", "far"]])
def test_values_of_another_type_are_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parse(*words)
    assert stop.value.code == 2
