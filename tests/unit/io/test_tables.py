"""Tab-separated tables are read strictly and written so that they read back the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from medpaint.core.errors import InputError, UnreadableError, UsageError
from medpaint.io.tables import Row, read_rows, write_rows

COLUMNS = ("image", "scan", "frame")


def table(folder: Path, content: str | bytes) -> Path:
    """Write a file and return its path."""
    path = folder / "table.tsv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path) -> list[Row]:
    """Read a table of scans."""
    return read_rows(path, columns=COLUMNS, required=("image",), what="a table of scans")


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_rows_have_values_and_line_numbers(tmp_path: Path, mark: bytes, end: bytes) -> None:
    path = table(tmp_path, mark + end.join([b"image\tscan", b"a.nii\tone", b"", b"b.nii", b'"c"\td\'', b""]))
    assert read(path) == [
        Row(2, {"image": "a.nii", "scan": "one"}),
        Row(4, {"image": "b.nii", "scan": ""}),
        Row(5, {"image": '"c"', "scan": "d'"}),
    ]


def test_a_row_with_too_many_cells_is_refused_with_its_line(tmp_path: Path) -> None:
    path = table(tmp_path, "image\tscan\na\tb\n\nc\td\te\n")
    with pytest.raises(UsageError, match=r"table\.tsv, line 4: expected 2 cells, .* got 3"):
        read(path)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("image\tengine\n", "the first line has 'image', 'engine'"),
        ("scan\n", "the first line has 'scan': image is missing"),
        (
            "image,scan,frame\na,b,1\n",
            "the first line has 'image,scan,frame': separate the columns by tabs, not by commas",
        ),
        ("image;scan\n", "the first line has .*: separate the columns by tabs, not by semicolons"),
        ("image scan\n", "the first line has .*: separate the columns by tabs, not by spaces"),
        ("Image\tscan\n", "the first line has .*: write image for 'Image'"),
        ("image\tscan \n", "the first line has .*: write scan for 'scan '"),
        ("# mine\nimage\tscan\n", "the first line has '# mine': .* no line can be a comment"),
        ("image\tcolour\n", "the first line has .*: no column can be called 'colour'"),
        ("image\timage\n", "the first line has 'image', 'image'"),
        ("", "the file is empty"),
    ],
)
def test_other_columns_are_refused_with_what_was_expected(tmp_path: Path, content: str, found: str) -> None:
    expected = r"a table of scans with only the columns image, scan, frame \(image required\)"
    with pytest.raises(UsageError, match=f"expected {expected}; {found}"):
        read(table(tmp_path, content))


def test_the_line_of_a_wrong_first_line_is_named_and_long_ones_are_cut(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"table\.tsv, line 3: expected") as caught:
        read(table(tmp_path, "\n\t\n" + "x" * 100_000 + "\n"))
    assert len(str(caught.value)) < 1000


def test_rows_without_text_and_empty_cells_at_the_end_are_passed_over(tmp_path: Path) -> None:
    path = table(tmp_path, "image\tscan\t\n\t\t\n \t\t\na\tb\t\t\n")
    assert read(path) == [Row(4, {"image": "a", "scan": "b"})]


def test_a_long_cell_is_read_whole(tmp_path: Path) -> None:
    assert len(read(table(tmp_path, "image\n" + "x" * 200_000))[0].values["image"]) == 200_000


def test_bytes_that_are_not_text_can_be_left_to_the_caller(tmp_path: Path) -> None:
    path = table(tmp_path, b"image\n\xe9.nii\n")
    (row,) = read_rows(path, columns=COLUMNS, what="a table of scans", bad_bytes="surrogateescape")
    assert row.values["image"] == "\udce9.nii"
    with pytest.raises(UnreadableError, match="as text in UTF-8"):
        read_rows(table(tmp_path, b"\xe9\n"), columns=None, what="scores", bad_bytes="surrogateescape")


def test_a_pipe_is_no_table(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "table.tsv")
    with pytest.raises(UnreadableError, match="expected a regular file, got a pipe"):
        read(tmp_path / "table.tsv")


def test_any_columns_are_read_where_none_are_named(tmp_path: Path) -> None:
    path = table(tmp_path, "a\tb\n1\t2\n")
    assert [row.values for row in read_rows(path, columns=None, what="scores")] == [{"a": "1", "b": "2"}]
    with pytest.raises(InputError, match="with the columns c; the first line has"):
        read_rows(path, columns=None, required=["c"], what="scores", refusal=UnreadableError)
    assert read_rows(table(tmp_path, ""), columns=None, what="scores") == []


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_named(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(UnreadableError, match="got UTF-16, or no text: save it as UTF-8"):
        read(table(tmp_path, "image\tscan\na.nii\tone\n".encode(encoding)))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"image\n\xff\n"])
def test_a_file_that_is_not_a_table_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnreadableError, match="expected a table of scans, as text in UTF-8"):
        read(table(tmp_path, content))


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="cannot be read: No such file"):
        read(tmp_path / "none.tsv")


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "table.tsv"
    write_rows(path, COLUMNS, [{"image": 'a "b"', "frame": 3}, {"image": "two\nlines\tand more", "scan": None}])
    assert path.read_bytes() == b'image\tscan\tframe\na "b"\t\t3\ntwo lines and more\t\t\n'
    assert [row.values["image"] for row in read(path)] == ['a "b"', "two lines and more"]


def test_a_cell_of_an_unknown_column_is_a_value_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="got engine too"):
        write_rows(tmp_path / "table.tsv", COLUMNS, [{"engine": "x"}])
    assert list(tmp_path.iterdir()) == []
