"""Who may import whom, and what stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import medpaint

PACKAGE = Path(medpaint.__file__).parent
RANKS = (
    {"__about__", "core"},
    {"blend", "config", "corrupt", "engines", "io", "masks", "metrics", "phantoms", "provenance", "report"},
    {
        *("cohort", "demo", "export", "launch", "pipeline", "schemas", "staging", "verification"),
        *(
            "evaluate",
            "filling",
            "masking",
            "pacs",
            "footprint",
            "lesion_folder",
            "scoreboard",
            "scorebook",
            "scoring",
            "subjects",
            "trial",
        ),
        "training",
    },
    {"cli"},
)
TOP = {"__init__", "__main__"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(module: str) -> str:
    """Return the first part of a module's name below medpaint."""
    return module.split(".")[1] if "." in module else "__init__"


def imports_of(path: Path) -> set[str]:
    """Return the rooms of medpaint that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {room_of(alias.name) for alias in node.names if alias.name.startswith("medpaint")}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("medpaint"):
            found.add(room_of(node.module or ""))
    return found


def rank_of(room: str) -> int:
    return next(number for number, rooms in enumerate(RANKS) if room in rooms)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_the_ranks(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room in TOP:
        return
    for other in imports_of(path) - {room}:
        below = rank_of(other) < rank_of(room)
        beside = rank_of(other) == rank_of(room) == 2
        assert below or beside, f"{room} imports {other}, which is not below it"


def test_every_room_has_a_rank() -> None:
    rooms = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in MODULES}
    assert rooms - TOP == set().union(*RANKS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_stay_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_functions_stay_on_a_screen() -> None:
    long = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                docstring = ast.get_docstring(node, clean=False) or ""
                lines = (node.end_lineno or 0) - node.lineno - docstring.count("\n")
                if lines > 60:
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
        ("import medpaint; medpaint.restore", {"torch", "monai", "matplotlib"}),
    ],
)
def test_what_is_not_needed_is_not_imported(code: str, heavy: set[str]) -> None:
    script = f"import sys; {code}; print(' '.join(sorted({heavy!r} & set(sys.modules))))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


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


def test_a_name_that_is_not_public_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'inpaint_everything'"):
        _ = medpaint.inpaint_everything


def test_every_module_says_what_is_public() -> None:
    silent = [
        str(path.relative_to(PACKAGE))
        for path in MODULES
        if path.name not in {"__init__.py", "__main__.py", "__about__.py"}
        and "__all__" not in path.read_text(encoding="utf-8")
    ]
    assert not silent
