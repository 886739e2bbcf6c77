"""Who may import whom, and what stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import medpaint

PACKAGE = Path(medpaint.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
TOP = {"__init__", "__main__", "__about__"}

RANKS: dict[str, int] = {
    **dict.fromkeys(("core",), 0),
    **dict.fromkeys(("io", "masks", "detectors", "corrupt", "engines", "metrics", "layouts"), 1),
    **dict.fromkeys(("blend", "parameters", "phantoms"), 1),
    **dict.fromkeys(("record", "datasets", "pacs"), 2),
    **dict.fromkeys(("pipeline", "report", "simulation", "training"), 3),
    **dict.fromkeys(("cohort", "evaluation", "audit"), 4),
    **dict.fromkeys(("demo", "cli"), 5),
}
"""How high each package, or module at the top, stands. A package imports from lower ranks."""

ALLOWED: dict[str, set[str]] = {
    "core": set(),
    "io": {"core", "__about__"},
    "masks": {"core"},
    "detectors": {"core"},
    "corrupt": {"core"},
    "engines": {"core", "parameters"},
    "metrics": {"core"},
    "layouts": {"core"},
    "blend": {"core"},
    "parameters": {"core", "io"},
    "phantoms": {"core"},
    "record": {"core", "io", "parameters"},
    "datasets": {"core", "corrupt", "io", "masks"},
    "pacs": {"core", "io"},
    "pipeline": {
        "blend",
        "core",
        "detectors",
        "engines",
        "io",
        "layouts",
        "masks",
        "metrics",
        "parameters",
        "record",
    },
    "report": {"core"},
    "simulation": {"core", "corrupt", "datasets", "io", "record"},
    "training": {"__about__", "core", "corrupt", "datasets", "engines", "io", "phantoms", "record"},
    "cohort": {"core", "io", "layouts", "parameters", "pipeline", "record"},
    "evaluation": {
        *("blend", "core", "corrupt", "datasets", "engines", "io", "metrics", "parameters", "record", "report"),
    },
    "audit": {"core", "io", "layouts", "record"},
    "demo": {"cohort", "core", "corrupt", "engines", "io", "metrics", "parameters", "record", "report"},
    "cli": {
        *("__about__", "audit", "cohort", "core", "corrupt", "datasets", "demo", "detectors", "engines"),
        *("evaluation", "io", "pacs", "parameters", "pipeline", "record", "simulation", "training"),
    },
}
"""Which other packages each may import. What is not listed fails."""

SAME_RANK = {("engines", "parameters"), ("parameters", "io"), ("cli", "demo")}
"""Packages of one rank that may import each other, from and to."""


def package_of(path: Path) -> str:
    """Return the package, or the module at the top, that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    """Return the packages of medpaint that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            names = [node.module]
        found |= {name.split(".")[1] for name in names if name.startswith("medpaint.")}
    return found


def test_packages_import_only_what_the_table_allows() -> None:
    broken = [
        f"{path.relative_to(PACKAGE)} imports {other}"
        for path in MODULES
        if (package := package_of(path)) not in TOP
        for other in imports_of(path) - {package}
        if other not in ALLOWED[package]
    ]
    assert not broken


def test_the_table_points_down_the_ranks() -> None:
    broken = [
        f"{package} may import {other}"
        for package, others in ALLOWED.items()
        for other in others - TOP
        if RANKS[other] >= RANKS[package] and (package, other) not in SAME_RANK
    ]
    assert not broken


def test_the_table_lists_every_package_and_no_other() -> None:
    assert {package_of(path) for path in MODULES} - TOP == set(ALLOWED) == set(RANKS)


def test_no_package_is_named_like_a_public_function() -> None:
    assert not {"restore", "detect", "verify", "inspect"} & set(RANKS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_stay_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 350


def test_functions_stay_short() -> None:
    long = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                docstring = ast.get_docstring(node, clean=False) or ""
                lines = (node.end_lineno or 0) - node.lineno - docstring.count("\n")
                if lines > 50:
                    long.append(f"{path}:{node.lineno} {node.name} {lines}")
    assert not long


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import medpaint", {"numpy", "torch", "nibabel", "pydicom", "scipy"}),
        (
            "import medpaint.cli.main as m; m._parser('')",
            {"numpy", "torch", "nibabel", "pydicom", "scipy", "pydantic"},
        ),
        ("import medpaint.cli.main as m; m._parser('restore')", {"torch", "monai", "nibabel", "pydicom", "scipy"}),
        ("from medpaint.engines.registry import engine_names; engine_names()", {"torch", "scipy", "cv2"}),
        ("from medpaint.detectors.table import DETECTORS; list(DETECTORS)", {"scipy"}),
        ("from medpaint.io.formats import FORMATS; list(FORMATS)", {"nibabel", "pydicom", "SimpleITK"}),
        ("import medpaint; medpaint.restore", {"torch", "monai", "matplotlib"}),
    ],
)
def test_unneeded_packages_are_not_imported(code: str, heavy: set[str]) -> None:
    script = f"import sys; {code}; print(' '.join(sorted({heavy!r} & set(sys.modules))))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "more"), [("unet3d", set()), ("exemplar", {"torch"})])
def test_restoring_imports_nothing_of_training(engine: str, more: set[str], tmp_path: Path) -> None:
    scan, mask = tmp_path / "scan.nii.gz", tmp_path / "mask.nii.gz"
    data = np.random.default_rng(0).normal(100.0, 10.0, (24, 24, 24)).astype(np.float32)
    hole = np.zeros(data.shape, np.uint8)
    hole[10:14, 10:14, 10:14] = 1
    for path, array in ((scan, data), (mask, hole)):
        nib.Nifti1Image(array, np.eye(4)).to_filename(path)  # type: ignore[no-untyped-call]
    heavy = {"monai", "matplotlib", "pandas", "sklearn", "tensorboard", "lightning_fabric", "SimpleITK", *more}
    words = ["restore", str(scan), "--mask", str(mask), "--output", str(tmp_path / "out"), "--engine", engine]
    script = f"import sys; from medpaint.cli.main import main; assert main({words!r}) == 0; "
    script += f"print(*sorted({heavy!r} & set(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == ""


def test_the_public_names() -> None:
    assert medpaint.__all__ == [
        "InputError",
        "MedpaintError",
        "Parameters",
        "Record",
        "Restoration",
        "UsageError",
        "Verdict",
        "VerificationError",
        "Volume",
        "__version__",
        "detect",
        "engine_names",
        "inspect",
        "read_scan",
        "restore",
        "verify",
    ]
    for name in medpaint.__all__:
        assert getattr(medpaint, name) is not None
        assert name in dir(medpaint)


def test_names_that_are_not_public_are_not_attributes() -> None:
    with pytest.raises(AttributeError, match="no attribute 'inpaint_everything'"):
        _ = medpaint.inpaint_everything


def test_every_module_declares_what_is_public() -> None:
    silent = [
        str(path.relative_to(PACKAGE))
        for path in MODULES
        if path.name not in {"__init__.py", "__main__.py", "__about__.py"}
        and "__all__" not in path.read_text(encoding="utf-8")
    ]
    assert not silent
