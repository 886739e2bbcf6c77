"""The configuration of a cohort, its schemas, and the shipped file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from medpaint.cohort.config import (
    CohortConfig,
    CorruptConfig,
    EvaluateConfig,
    PacsConfig,
    RestoreConfig,
    read_config,
)
from medpaint.cohort.schemas import SCHEMAS, schema_text
from medpaint.core.errors import UsageError
from medpaint.parameters import FIELDS, Parameters

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schemas_match_the_models(name: str) -> None:
    path = ROOT / "workflow" / "schemas" / name
    assert path.read_text(encoding="utf-8") == schema_text(SCHEMAS[name]), "run `make schemas`"


def test_the_shipped_configuration_has_every_key_at_its_default() -> None:
    shipped = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    assert read_config(shipped) == CohortConfig()
    assert set(shipped) == set(CohortConfig.model_fields)
    assert set(shipped["restore"]) == set(RestoreConfig.model_fields)
    assert set(shipped["pacs"]) == set(PacsConfig.model_fields)
    assert set(shipped["evaluate"]) == set(EvaluateConfig.model_fields)
    assert set(shipped["corrupt"]) == set(CorruptConfig.model_fields)


def test_shares_that_leave_nothing_for_training_are_refused() -> None:
    with pytest.raises(UsageError, match="leave something for training"):
        read_config({"corrupt": {"validation": 0.5, "test": 0.5}})


def test_a_cohort_has_all_parameters_but_those_of_a_single_scan() -> None:
    assert set(RestoreConfig.model_fields) == set(FIELDS) - {"frame", "series"}
    assert Parameters.of(RestoreConfig().model_dump()) == Parameters()


@pytest.mark.parametrize("name", RestoreConfig.model_fields)
def test_scan_and_cohort_parameters_have_the_same_descriptions(name: str) -> None:
    assert RestoreConfig.model_fields[name].description == FIELDS[name].description


def test_yaml_lists_and_integers_are_accepted() -> None:
    config = read_config({"restore": {"labels": [1, "tumour"], "dilate_mm": 2}})
    assert (config.restore.labels, config.restore.dilate_mm) == ((1, "tumour"), 2.0)


def nested(depth: int) -> Any:
    """Return lists within lists, each nine times the next: in YAML, aliases of aliases."""
    return [nested(depth - 1)] * 9 if depth else "x"


def itself() -> list[Any]:
    """Return a list that contains itself, as an alias inside its own anchor does."""
    made: list[Any] = []
    made.append(made)
    return made


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"scans": nested(12)}, "expected far fewer values"),
        ({"scans": itself()}, "got what JSON cannot hold: Circular"),
        ({"batch_size": 10**5000}, "got what JSON cannot hold: Exceeds"),
        ({(1, 2): 3}, "got what JSON cannot hold: keys"),
        ({"ingest_timeout_s": float("nan")}, "finite number"),
        ({"restore": {"dilate_mm": float("inf")}}, "less than or equal to 100, got inf"),
        ([1], r"input should be an object, got \[1\]"),
    ],
)
def test_a_crafted_configuration_is_refused(values: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_config(values)
