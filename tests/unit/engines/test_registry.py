"""The table of engines: light to read, and clear about what it refuses."""

from __future__ import annotations

import subprocess
import sys
from types import MappingProxyType

import pytest

from medpaint.core.errors import UsageError
from medpaint.engines import registry
from medpaint.engines.registry import ENGINES, EngineInfo, engine_names, load_engine


def test_names_are_those_of_the_table() -> None:
    assert engine_names() == tuple(ENGINES)
    assert {"nearest", "harmonic", "biharmonic", "telea", "navier-stokes"} <= set(engine_names())


def test_reading_the_table_loads_no_engine() -> None:
    code = (
        "import sys, medpaint.engines.registry as r; r.engine_names();"
        "print([m for m in ('scipy', 'cv2', 'torch', 'monai', 'nibabel') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_an_unknown_name_is_refused_with_all_names_and_the_closest() -> None:
    with pytest.raises(UsageError, match=r"nearest, harmonic.*'harmonics'.*did you mean 'harmonic'"):
        load_engine("harmonics")


def test_an_unknown_option_is_refused_with_the_options() -> None:
    with pytest.raises(UsageError, match=r"'telea' has no option radius; it takes radius_mm"):
        load_engine("telea", radius=3)


@pytest.mark.parametrize("radius_mm", [0.0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["telea", "navier-stokes"])
def test_an_impossible_radius_is_refused(name: str, radius_mm: float) -> None:
    with pytest.raises(UsageError, match="radius_mm"):
        load_engine(name, radius_mm=radius_mm)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {"ghost": EngineInfo(target="no_such_package.ghost:Ghost", ndim=3, summary="")}
    monkeypatch.setattr(registry, "ENGINES", MappingProxyType(table))
    with pytest.raises(UsageError, match="pip install no_such_package"):
        load_engine("ghost")


@pytest.mark.parametrize("info", ENGINES.values(), ids=ENGINES)
def test_each_engine_is_described_in_one_line(info: EngineInfo) -> None:
    assert info.summary
    assert "\n" not in info.summary
