"""YAML of plain values: what is read, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from medpaint.core.errors import UnreadableError
from medpaint.core.plain_yaml import plain_yaml

PATH = Path("file.yaml")


def test_yaml_and_json_are_read() -> None:
    assert plain_yaml(b"a: [1, x]\n", PATH) == plain_yaml(b'{"a": [1, "x"]}', PATH) == {"a": [1, "x"]}
    assert plain_yaml(b"", PATH) is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [", r"file.yaml, line \d+: expected YAML"),
        (b"\xff", "file.yaml: not a text file in UTF-8"),
        (b"a: &x [1]\nb: *x\n", "without aliases"),
        (b"[" * 40 + b"]" * 40, "of at most 32 levels"),
        (b"a: !!int x\n", "a value that its tag does not fit"),
        (b"a: !!python/object/apply:os.getcwd []\n", "expected YAML"),
    ],
)
def test_what_is_not_plain_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(UnreadableError, match=message):
        plain_yaml(content, PATH)
