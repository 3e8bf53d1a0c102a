"""The `residual` command: a mistake ends with exit code 2 and a line that says what was expected."""

import io
import json
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import polars as pl
import pytest
from commands import run, said
from sign_ins import sign_in, write_lines

from residual import cli
from residual.simulate import simulation


def test_the_installed_command_is_main() -> None:
    (script,) = entry_points(group="console_scripts", name="residual")
    assert script.load() is cli.main


def test_help_names_every_verb_and_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    run(cli.main, "--help")
    out = capsys.readouterr().out
    for verb in ("simulate", "validate", "inspect"):
        assert verb in out


@pytest.mark.parametrize("arguments", [["unknown"], ["simulate"], ["validate"]])
def test_bad_arguments(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert "Usage: residual" in said(cli.main, capsys, *arguments)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("simulated") / "organization"
    run(cli.main, "simulate", "--out", str(out), "--users", "12", "--days", "2", "--seed", "3")
    return out


def test_what_is_simulated_is_valid(simulated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = pl.read_parquet(simulated / "labels.parquet")
    assert labels.equals(pl.concat(simulation(users=12, days=2, seed=3).day(day).labels for day in range(2)))
    run(cli.main, "validate", str(simulated / "events"))
    events = pl.scan_parquet(simulated / "events/**/*.parquet", missing_columns="insert", extra_columns="ignore")
    count = events.select(pl.len()).collect().item()
    assert capsys.readouterr().out.startswith(f"{count:,} events, 0 invalid, ")


def test_what_is_there_is_not_overwritten(simulated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = said(cli.main, capsys, "simulate", "--out", str(simulated), "--users", "12", "--days", "1")
    assert f"residual: out must not hold a simulation yet, got {simulated}, where events is" in message


def test_inspect_is_one_screen_and_details_are_more(simulated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(cli.main, "inspect", str(simulated / "events"))
    out = capsys.readouterr().out
    for part in ("DNS Activity (4003)", "from 2025-03-03 00:", "versions: 1.8.0 (", " full: activity_id, "):
        assert part in out
    assert len(out.splitlines()) < 25
    assert max(map(len, out.splitlines())) < 110
    run(cli.main, "inspect", str(simulated / "events"), "--details")
    details = capsys.readouterr().out
    for part in (" 100.0% class_uid Int64: 4001 (", "src_endpoint.ip String: "):
        assert part in details


def test_one_bad_line_is_shown_and_is_an_error(
    simulated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "events.jsonl").write_text('{"class_uid": 3002}\n{"class_uid"\n')
    with pytest.raises(SystemExit, match=r"^1$"):
        cli.main(["validate", str(tmp_path)])
    out = capsys.readouterr().out
    assert out.startswith("2 events, 2 invalid, in 1 file, ")
    for part in ("$.time: required, but missing", "events.jsonl, 2\n", "$: not JSON: ", "--details shows all"):
        assert part in out
    run(cli.main, "inspect", str(tmp_path))
    assert "1 file, 2 rows, 2 of them rejected" in capsys.readouterr().out


def test_both_verbs_speak_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_lines(tmp_path / "a.jsonl", [sign_in(0), sign_in(1, status="Failure"), sign_in(2, shoe=[1], time=5), "{"])
    write_lines(tmp_path / "b.jsonl", [sign_in(3, duration=5)])
    with pytest.raises(SystemExit, match=r"^1$"):
        cli.main(["validate", "--json", str(tmp_path)])
    report = json.loads(capsys.readouterr().out)
    assert (report["version"], report["events"], report["invalid"]) == ("1.8.0", 5, 3)
    assert report["versions"] == {"1.8.0": 4, "none": 1}
    example = {cause["path"]: cause["example"] for cause in report["causes"]}["$.status"]
    assert (example["file"], example["place"], example["got"]) == ("a.jsonl", 2, "'Failure'")
    run(cli.main, "inspect", "--json", str(tmp_path))
    found = json.loads(capsys.readouterr().out)
    assert (found["files"], found["rows_in"], found["events"], found["classes"]) == (2, 5, 3, {"3002": 3})
    assert [change["column"] for change in found["drift"]] == ["duration"]
    assert {column["name"] for column in found["columns"]} > {"time", "user.name"}


def test_hundreds_of_new_columns_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_lines(tmp_path / "a.jsonl", [sign_in(0)])
    for number in (1, 2):
        columns = {f"column_{n}": n for n in range(200 * number)}
        write_lines(tmp_path / f"b{number}.jsonl", [sign_in(number, **columns)])
    run(cli.main, "inspect", str(tmp_path))
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "column_0" in line and "times" in line)
    assert line.split() == [
        "400",
        "times,",
        "in",
        "2",
        "files,",
        "a",
        "column",
        "that",
        "earlier",
        "files",
        "lack:",
        "first",
        "column_0",
        "in",
        "b1.jsonl",
    ]


HOSTILE = "ok\x1b[2J\x1b[31mred\r\n 100.0% forged line\u202e"


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii"])
@pytest.mark.parametrize("arguments", [(), ("--details",), ("--json",)])
@pytest.mark.parametrize("verb", ["validate", "inspect"])
def test_text_of_a_log_is_safe_to_print(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, arguments: tuple[str, ...], encoding: str
) -> None:
    user = {"name": "Søren 山田" + HOSTILE, HOSTILE: 1}
    metadata = {"version": HOSTILE, "uid": HOSTILE, "product": {"name": HOSTILE}}
    write_lines(tmp_path / "a.jsonl", [sign_in(0, message=HOSTILE, raw_data="x" * 3000, user=user, metadata=metadata)])
    write_lines(tmp_path / "b.jsonl", [sign_in(1, status=HOSTILE, class_uid=HOSTILE), sign_in(2, **{HOSTILE: HOSTILE})])
    (tmp_path / "c\x1b[2J\n.txt").write_text("no events")
    screen = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", screen)
    with pytest.raises(SystemExit) as end:
        cli.main([verb, *arguments, str(tmp_path)])
    assert end.value.code in (0, 1)
    screen.flush()
    out = screen.buffer.getvalue().decode(encoding)
    assert out.replace("\n", "").isprintable()
    assert not any(line.startswith(" 100.0% forged") for line in out.splitlines())
    assert arguments == ("--json",) or max(map(len, out.splitlines())) <= 400


@pytest.mark.parametrize("verb", ["validate", "inspect"])
def test_no_events_no_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str) -> None:
    assert said(cli.main, capsys, verb, str(tmp_path / "nowhere")).startswith("residual: folder must be ")
    assert str(tmp_path) in said(cli.main, capsys, verb, str(tmp_path))


def test_help_does_not_wait_for_torch() -> None:
    code = "import sys, residual.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
