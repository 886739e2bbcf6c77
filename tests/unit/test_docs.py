"""The documentation names only what exists, and covers what a user can name."""

from __future__ import annotations

import argparse
import re
import tomllib
from pathlib import Path
from typing import Final, get_args

import pytest
from pydantic import BaseModel

import medpaint
from medpaint.cli.main import COMMANDS, _parser
from medpaint.cohort.config import CohortConfig, CorruptConfig, EvaluateConfig, RestoreConfig
from medpaint.cohort.summary import SUMMARY_COLUMNS
from medpaint.cohort.table import COLUMNS
from medpaint.core import errors
from medpaint.core.errors import MedpaintError
from medpaint.corrupt.artefacts.table import ARTEFACTS
from medpaint.engines.learned.foreign.description import Description, Intensities
from medpaint.engines.learned.usage import Channel
from medpaint.engines.registry import engine_names
from medpaint.parameters import FIELDS
from medpaint.record.entries import (
    BlendEntry,
    FindingEntry,
    Identity,
    InpaintEntry,
    MaskEntry,
    PartEntry,
    Product,
    ReadEntry,
    Record,
    Repaired,
    WriteEntry,
)
from medpaint.simulation.dataset import COLUMNS as MANIFEST_COLUMNS
from medpaint.simulation.record import DamageProduct, DamageRecord, DamageSource
from medpaint.training.recipe import Holes, Loop, NetworkShape, Pairs, Recipe, Source

ROOT: Final = Path(__file__).resolve().parents[2]
REFERENCE: Final = ROOT / "docs" / "reference"
PAGES: Final = sorted(
    [*ROOT.glob("*.md"), ROOT / "config" / "README.md", *(ROOT / "docs").rglob("*.md")],
)
ERRORS: Final = [getattr(errors, name) for name in errors.__all__]

page_of_each = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def without_code(text: str) -> str:
    """Return the text without fenced blocks and code spans."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"(?ms)^```.*?^```", "", text))


def code_of(text: str) -> str:
    """Return the contents of fenced blocks and code spans, one on each line."""
    blocks = re.findall(r"(?ms)^```[^\n]*\n(.*?)^```", text)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"(?ms)^```.*?^```", "", text))
    return "\n".join([*blocks, *spans])


def anchors_of(text: str) -> set[str]:
    """Return the anchors of a page's headings, made as GitHub makes them."""
    headings = re.findall(r"(?m)^#+ (.+)$", re.sub(r"(?ms)^```.*?^```", "", text))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def section_of(text: str, heading: str) -> str:
    """Return the text below a heading, up to the next one."""
    found = re.search(rf"(?ms)^#+ {re.escape(heading)}$(.*?)(?=^#|\Z)", text)
    assert found, f"no heading {heading!r}"
    return found[1]


def first_cells(text: str) -> set[str]:
    """Return the code spans in the first cells of a text's tables."""
    cells = re.findall(r"(?m)^\| ([^|]*) \|", text)
    return {span for cell in cells for span in re.findall(r"`([^`]+)`", cell)}


@page_of_each
def test_links_have_targets(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(text_of(page))):
        if target.startswith(("http:", "https:")):
            continue
        path, _, anchor = target.partition("#")
        goal = page.parent / path if path else page
        assert goal.exists(), f"{target} is not there"
        assert goal.resolve().is_relative_to(ROOT), f"{target} leads out of the project"
        assert not anchor or anchor in anchors_of(text_of(goal)), f"{target} has no such heading"


@page_of_each
def test_commands_exist(page: Path) -> None:
    named = set(re.findall(r"(?m)^(?:\$ )?medpaint ([a-z][a-z-]*)", code_of(text_of(page))))
    assert named <= set(COMMANDS)


@page_of_each
def test_lines_are_not_too_long(page: Path) -> None:
    prose = re.sub(r"(?ms)^```.*?^```", "", text_of(page))
    exempt = (
        page.name in {"classical-engines.md", "engines-measured.md"} and page.parent == REFERENCE
    )  # written by the benchmark
    long = [line for line in prose.splitlines() if len(line) > 120 and not line.startswith(("|", "!["))]
    assert exempt or not long


def test_every_page_is_in_the_index() -> None:
    index = text_of(ROOT / "docs" / "README.md")
    pages = {page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")} - {"README.md"}
    assert pages == set(re.findall(r"\]\(([^)\s#]+\.md)\)", index))


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    """Return the long options of a command and its subcommands."""
    options = set()
    for action in parser._actions:
        options |= {word for word in action.option_strings if word.startswith("--")}
        if isinstance(action, argparse._SubParsersAction):
            for subparser in action.choices.values():
                options |= options_of(subparser)
    return options - {"--help"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_a_command_is_documented(command: str) -> None:
    section = section_of(text_of(REFERENCE / "cli.md"), f"medpaint {command}")
    commands = next(
        action for action in _parser(command)._actions if isinstance(action, argparse._SubParsersAction)
    )
    documented = {word for span in first_cells(section) for word in re.findall(r"--[a-z-]+", span)}
    assert documented == options_of(commands.choices[command])


def test_every_parameter_is_documented() -> None:
    assert first_cells(text_of(REFERENCE / "parameters.md")) == set(FIELDS)


def test_every_key_and_column_of_a_cohort_is_documented() -> None:
    page = text_of(REFERENCE / "config.md")
    keys = section_of(page, "config.yaml")
    assert first_cells(keys) == set(CohortConfig.model_fields)
    fields = {*RestoreConfig.model_fields, *EvaluateConfig.model_fields, *CorruptConfig.model_fields}
    assert fields <= set(re.findall(r"`([a-z_]+)`", keys))
    assert first_cells(section_of(page, "The table of scans")) == set(COLUMNS)
    assert first_cells(section_of(page, "The summary")) == set(SUMMARY_COLUMNS)


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("The record", Record),
        ("repaired", Repaired),
        ("read", ReadEntry),
        ("mask", MaskEntry),
        ("findings", FindingEntry),
        ("inpaint", InpaintEntry),
        ("parts", PartEntry),
        ("blend", BlendEntry),
        ("write", WriteEntry),
        ("identity", Identity),
        ("products", Product),
    ],
)
def test_every_field_of_the_record_is_documented(heading: str, model: type[BaseModel]) -> None:
    assert first_cells(section_of(text_of(REFERENCE / "record.md"), heading)) == set(model.model_fields)


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("recipe", Recipe),
        ("source", Source),
        ("holes", Holes),
        ("pairs", Pairs),
        ("network", NetworkShape),
        ("loop", Loop),
    ],
)
def test_every_key_of_a_recipe_is_documented(heading: str, model: type[BaseModel]) -> None:
    page = text_of(REFERENCE / "training-recipe.md")
    assert first_cells(section_of(page, heading)) == set(model.model_fields)


@pytest.mark.parametrize(("heading", "model"), [("description", Description), ("intensities", Intensities)])
def test_every_key_of_a_network_description_is_documented(heading: str, model: type[BaseModel]) -> None:
    page = text_of(REFERENCE / "network-description.md")
    assert first_cells(section_of(page, heading)) == set(model.model_fields)


def test_every_input_of_a_network_is_documented() -> None:
    page = text_of(REFERENCE / "network-description.md")
    assert first_cells(section_of(page, "inputs")) == set(get_args(Channel))


@pytest.mark.parametrize(
    ("heading", "model"),
    [("The record of damage", DamageRecord), ("source", DamageSource), ("products", DamageProduct)],
)
def test_every_field_of_a_record_of_damage_is_documented(heading: str, model: type[BaseModel]) -> None:
    assert first_cells(section_of(text_of(REFERENCE / "damage.md"), heading)) == set(model.model_fields)


def test_every_kind_of_damage_and_its_severity_is_documented() -> None:
    kinds = section_of(text_of(REFERENCE / "damage.md"), "Kinds")
    assert first_cells(kinds) == set(ARTEFACTS)
    assert all(row.severity in kinds for row in ARTEFACTS.values())


def test_every_column_of_a_manifest_is_documented() -> None:
    assert first_cells(section_of(text_of(REFERENCE / "damage.md"), "The manifest")) == set(MANIFEST_COLUMNS)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_every_error_and_its_exit_code_is_documented(error: type[MedpaintError]) -> None:
    page = text_of(REFERENCE / "exit-codes.md")
    assert f"`{error.__name__}`" in page
    assert f"\n| {error.exit_code} |" in page


@pytest.mark.parametrize("name", engine_names())
def test_every_engine_is_documented(name: str) -> None:
    assert f"`{name}`" in text_of(REFERENCE / "parameters.md")
    assert name in first_cells(text_of(ROOT / "README.md"))


@pytest.mark.parametrize("name", medpaint.__all__)
def test_every_public_name_is_documented(name: str) -> None:
    page = text_of(REFERENCE / "python-api.md")
    assert f"`{name}`" in page or f"\n## {name}\n" in page


def test_every_dependency_is_explained() -> None:
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))
    groups = [project["project"]["dependencies"], *project["project"]["optional-dependencies"].values()]
    groups += project["dependency-groups"].values()
    declared = {re.split(r"[<>=~!\[ ;]", line)[0] for group in groups for line in group}
    page = text_of(ROOT / "docs" / "explanation" / "dependencies.md")
    assert first_cells(page) == declared


def test_pictures_are_small() -> None:
    pictures = (ROOT / "docs" / "images").iterdir()
    assert max(picture.stat().st_size for picture in pictures) < 300_000
