"""The call of Snakemake: its own parser decides what its options mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from medpaint.cohort.launch import run_snakemake, snakemake_command, working_folder
from medpaint.cohort.yaml_size import refusal_of
from medpaint.core.errors import InputError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work outside the checkout, in a folder with a name that Snakemake would take for a profile."""
    (tmp_path / "default").mkdir()
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("options", [[], ["-n"], ["--directory=-c1"], ["--config", "jobs=1"], ["--", "-c1"]])
def test_all_cores_are_used_where_none_are_named(options: list[str]) -> None:
    command = snakemake_command(options)
    assert command[-len(options) - 2 :] == ["--cores", "all", *options]


@pytest.mark.parametrize(
    "options",
    [["-c1"], ["-j1"], ["-c", "1"], ["-j", "2"], ["--cores=2"], ["--jobs", "3"], ["-nc1"], ["-pj1", "x"]],
)
def test_named_cores_and_jobs_are_obeyed(options: list[str]) -> None:
    assert "all" not in snakemake_command(options)


def test_a_profile_of_the_user_comes_after_the_default_one() -> None:
    command = snakemake_command(["--workflow-profile", "mine", "-c1"])
    assert command[-3:] == ["--workflow-profile", "mine", "-c1"]
    assert Path(command[command.index("--workflow-profile") + 1]).parts[-2:] == ("profiles", "default")


@pytest.mark.parametrize(
    "options", [["--directory", "x"], ["--directory=x"], ["-d", "x"], ["-nd", "x"], ["--director", "x"]]
)
def test_the_working_folder_is_the_one_of_snakemake(options: list[str]) -> None:
    assert working_folder([*options, "-c1"]) == Path("x")
    assert working_folder(["-c1"]) == Path()


def test_options_that_snakemake_refuses_are_left_to_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert snakemake_command(["--bogus"])[-1] == "--bogus"
    assert working_folder(["--help"]) == Path()
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""


@pytest.mark.parametrize(
    ("name", "reason"), [("gone.yaml", "No such file"), ("n" * 300, "too long"), ("default", "a regular file")]
)
def test_a_configuration_that_cannot_be_read_is_refused_before_the_run(name: str, reason: str) -> None:
    with pytest.raises(InputError, match=f"cannot read {name}: .*{reason}"):
        run_snakemake(["-n", "--configfile", name])


def write_bomb(path: Path, *, merged: bool = False) -> None:
    """Write a configuration of nine lines that stands for a thousand million values."""
    lines = ["a0: &a0 {x: 1}" if merged else "a0: &a0 [x]"]
    for level in range(1, 10):
        before = ", ".join([f"*a{level - 1}"] * 9)
        lines.append(f"a{level}: &a{level} " + (f"{{<<: [{before}], y: 1}}" if merged else f"[{before}]"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))


@pytest.mark.parametrize("merged", [True, False])
@pytest.mark.parametrize(
    ("place", "options"),
    [
        ("config/config.yaml", []),
        ("there/config/config.yaml", ["--directory", "there"]),
        ("mine.yaml", ["--configfile", "mine.yaml"]),
    ],
)
def test_a_configuration_that_stands_for_too_much_is_refused_before_the_run(
    place: str, options: list[str], *, merged: bool
) -> None:
    write_bomb(Path(place), merged=merged)
    with pytest.raises(InputError, match=f"^{place}: expected YAML of at most 100,000 values"):
        run_snakemake(["-n", *options])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: &a [*a]", "values that contain themselves"),
        ("a: " + "[" * 40 + "]" * 40, "at most 32 levels"),
        ("a: x" * 2**20, "expected at most 1,048,576 bytes"),
    ],
)
def test_a_configuration_of_a_strange_shape_is_refused_before_the_run(text: str, reason: str) -> None:
    Path("mine.yaml").write_text(text)
    with pytest.raises(InputError, match=reason):
        run_snakemake(["-n", "--configfile", "mine.yaml"])


@pytest.mark.parametrize("text", ["a: &a [1, 2]\nb: *a\nc: {<<: &d {x: 1}}", "a: b: c", "{}", '{"a":\t1}'])
def test_a_configuration_of_usual_size_is_left_to_snakemake(text: str) -> None:
    assert refusal_of(text) == ""
