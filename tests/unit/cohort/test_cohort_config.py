"""The configuration of a cohort, its schemas, and the shipped file."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from medpaint.cohort.config import CohortConfig, EvaluateConfig, PacsConfig, RestoreConfig, read_config
from medpaint.cohort.schemas import SCHEMAS, schema_text
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


def test_a_cohort_has_all_parameters_but_those_of_a_single_scan() -> None:
    assert set(RestoreConfig.model_fields) == set(FIELDS) - {"frame", "series"}
    assert Parameters.of(RestoreConfig().model_dump()) == Parameters()


@pytest.mark.parametrize("name", RestoreConfig.model_fields)
def test_scan_and_cohort_parameters_have_the_same_descriptions(name: str) -> None:
    assert RestoreConfig.model_fields[name].description == FIELDS[name].description


def test_yaml_lists_and_integers_are_accepted() -> None:
    config = read_config({"restore": {"labels": [1, "tumour"], "dilate_mm": 2}})
    assert (config.restore.labels, config.restore.dilate_mm) == ((1, "tumour"), 2.0)
