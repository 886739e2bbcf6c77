"""What is printed for people."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import medpaint.cli
from medpaint.cli.lines import print_line, print_row
from medpaint.core.errors import InputError, MedpaintError
from medpaint.record.entries import Record

HOSTILE = "a\x1b[2Kb\nc\x9bd\u202ee\x00f\udcffg"
SHOWN = r"a\x1b[2Kb\nc\x9bd\u202ee\x00f\udcffg"


def test_a_line_is_one_line_without_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    print_line(HOSTILE)
    print_line(HOSTILE, to_stderr=True)
    printed = capsys.readouterr()
    assert printed.out == printed.err == f"{SHOWN}\n"


def test_a_cell_is_one_cell(capsys: pytest.CaptureFixture[str]) -> None:
    print_row("x\ty", HOSTILE)
    assert capsys.readouterr().out == f"x\\ty\t{SHOWN}\n"


def test_commands_print_lines_or_json() -> None:
    """Any other call of `print` could pass on what a file says as it is."""
    others = [
        f"{path.name}:{call.lineno}"
        for path in Path(medpaint.cli.__path__[0]).rglob("*.py")
        if path.name != "lines.py"
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and ast.unparse(call.func) in {"print", "sys.stdout.write", "sys.stderr.write"}
        and not (call.args and ast.unparse(call.args[0]).startswith("json.dumps("))
    ]
    assert others == []


@pytest.mark.parametrize("error", [MedpaintError, InputError])
def test_messages_of_errors_are_one_line(error: type[MedpaintError]) -> None:
    assert str(error(HOSTILE)) == SHOWN
    assert len(str(error("x" * 1_000_000))) == 10_000


def test_a_record_holds_no_control_characters_but_gives_paths_back() -> None:
    read = {"path": "a\x9b\u202e\x1b", "sha256": "", "kind": "nifti", "shape": (1, 1, 1)}
    read |= {"spacing_mm": (1, 1, 1), "dtype": "int8", "warnings": ("w\x9b",)}
    record = Record.model_validate({"status": "failed", "reason": HOSTILE, "read": read})
    text = record.to_json()
    assert all(one.isprintable() for one in text.replace("\n", ""))
    again = Record.model_validate_json(text)
    assert again == record
    assert again.reason == SHOWN
    assert again.read is not None
    assert again.read.path == read["path"]
