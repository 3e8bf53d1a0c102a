"""From a folder to alerts: what is killed goes on, and neither cuts of files nor odd events change what is said."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import commands
import polars as pl
import pytest

from residual import cli
from residual.detect import read_alerts
from residual.detect import score as module
from residual.detect.episodes import EVENTS
from residual.detect.folder import files
from residual.detect.score import Memory, advance, load, score
from residual.detect.stream import DAY, SCHEMA, by_day, every_day, narrowed
from residual.ocsf.read import read
from residual.ocsf.validate import faults
from residual.simulate import flat, simulate, simulation
from residual.simulate.calendar import START

DAYS, FIRST = 17, START // DAY


@pytest.fixture(scope="module")
def organization(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve people for 17 days, with three that are scored."""
    out: Path = tmp_path_factory.mktemp("organization")
    simulate(out, users=12, days=DAYS, seed=0, episodes=30)
    return out


@pytest.fixture(scope="module")
def scored(organization: Path) -> Path:
    """Its alerts, as one run writes them."""
    done = score(organization / "events", organization / "model", organization / "alerts", budget=5)
    assert (done.days, done.learned, done.late, done.astray, done.rejected) == (3, 14, 0, 0, 0)
    assert done.alerts == 15
    return organization / "alerts"


def said(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_alerts_are_valid_findings_about_events_that_are_there(organization: Path, scored: Path) -> None:
    assert list(said(scored)) == ["2025-03-17.jsonl", "2025-03-18.jsonl", "2025-03-19.jsonl"]
    events = read(organization / "events", columns=["metadata.uid", "time"]).events.collect()
    time = dict(events.iter_rows())
    for path in sorted(scored.iterdir()):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert all(not faults(line) for line in lines)
        alerts = read_alerts(path)
        assert len({alert.uid for alert in alerts}) == 5
        for alert in alerts:
            times = [time[uid] for uid in alert.events]
            assert times == sorted(times)
            assert (times[0], len(times)) == (alert.begin, min(alert.count, EVENTS))
            assert all(signal.begin <= alert.end and signal.rate > 0 for signal in alert.signals)
            assert alert.begin < alert.raised <= (alert.end // DAY + 1) * DAY


@pytest.mark.parametrize(("at", "call"), [("write_alerts", 2), ("save", 3), ("save", 16), ("write_atomically", 31)])
def test_a_run_that_is_killed_goes_on_to_the_same_alerts(
    organization: Path, scored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, call: int
) -> None:
    real, calls = getattr(module, at), 0

    def killed(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls == call:
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(module, at, killed)
        with pytest.raises(KeyboardInterrupt):
            score(organization / "events", tmp_path / "model", tmp_path / "alerts", budget=5)
    score(organization / "events", tmp_path / "model", tmp_path / "alerts", budget=5)
    assert said(tmp_path / "alerts") == said(scored)
    assert not list((tmp_path / "model").glob(".days*"))


def test_files_may_be_cut_and_days_may_come_one_by_one(organization: Path, scored: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    for part in sorted((organization / "events").rglob("*.parquet")):
        day = part.parent.name.partition("=")[2]
        late = day >= "20250316"
        target = whole / ("late" if late else "early") / part.parent.parent.name / f"{day}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        table = pl.read_parquet(part)
        table.sample(fraction=1, shuffle=True, seed=1).write_parquet(target)
    for name in ("early", "late"):
        score(whole / name, tmp_path / "model", tmp_path / "alerts", budget=5)
    assert said(tmp_path / "alerts") == said(scored)


def test_days_that_are_done_stay_and_late_events_are_counted(organization: Path, scored: Path) -> None:
    before = said(scored)
    done = score(organization / "events", organization / "model", organization / "alerts", budget=5)
    total = read(organization / "events", columns=["time"]).events.select(pl.len()).collect().item()
    assert (done.days, done.alerts, done.late) == (0, 0, total)
    assert said(scored) == before


def test_a_model_that_is_damaged_or_of_another_version_is_refused(
    organization: Path, scored: Path, tmp_path: Path
) -> None:
    model = shutil.copytree(organization / "model", tmp_path / "model")
    told = json.loads((model / "model.json").read_text())
    (model / "model.json").write_text(json.dumps({**told, "version": 99}))
    with pytest.raises(ValueError, match="version 99, expected"):
        load(model)
    (model / "model.json").write_text("{")
    with pytest.raises(ValueError, match="expected a model as residual score writes it"):
        load(model)
    (model / "model.json").write_text(json.dumps(told))
    next(model.glob("*.arrows")).write_bytes(b"ARROW1")
    with pytest.raises(ValueError, match="expected a model"):
        load(model)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        score(organization / "events", tmp_path / "m", tmp_path / "a", budget=0)
    with pytest.raises(ValueError, match=r"one of user, address, .*, got people=3"):
        score(organization / "events", tmp_path / "m", tmp_path / "a", at_most={"people": 3})


def test_limits_and_mutes_on_the_command_line(scored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    score_to = ("score", str(tmp_path), "--model", str(tmp_path / "m"), "--out", str(tmp_path / "a"))
    assert "KIND=N, such as user=3, got 'user'" in commands.said(cli.main, capsys, *score_to, "--at-most", "user")
    assert "got people=3" in commands.said(cli.main, capsys, *score_to, "--at-most", "people=3")
    folder = shutil.copytree(scored, tmp_path / "alerts")
    day, path = next((day, path) for day, path in sorted(files(folder).items()) if read_alerts(path))
    first = read_alerts(path)[0]
    commands.run(cli.main, "verdict", str(folder), first.uid, "benign", "--why", "ours", "--until", path.stem)
    verdict = read_alerts(path)[0].verdict
    assert verdict is not None
    assert (verdict.answer, verdict.until) == ("benign", day)


@pytest.fixture(scope="module")
def days() -> dict[int, pl.DataFrame]:
    """The same organization in memory."""
    made = simulation(users=12, days=DAYS, seed=0, episodes=30)
    return {
        FIRST + day: pl.concat(narrowed(flat(part.events)) for part in made.parts(day)).sort("time", "uid")
        for day in range(DAYS)
    }


def through(days: dict[int, pl.DataFrame]) -> Iterator[tuple[int, list[str]]]:
    memory = Memory(FIRST)
    for day, table in days.items():
        alerts, memory = advance(memory, table, 5)
        yield day, [alert.uid for alert in alerts]


def test_alerts_of_a_day_do_not_depend_on_later_days(days: dict[int, pl.DataFrame]) -> None:
    last = FIRST + DAYS - 1
    without = {day: table if day < last else table.head(100) for day, table in days.items()}
    whole, cut = dict(through(days)), dict(through(without))
    assert [whole[day] for day in range(FIRST, last)] == [cut[day] for day in range(FIRST, last)]
    assert len(whole[last]) == 5


def test_an_empty_day_says_nothing(days: dict[int, pl.DataFrame]) -> None:
    silent = {**dict(list(days.items())[:9]), FIRST + 9: pl.DataFrame(schema=SCHEMA)}
    silent |= {day + 1: shifted(table) for day, table in list(days.items())[9:]}
    alerts = dict(through(silent))
    assert alerts[FIRST + 9] == []
    assert [day for day, some in alerts.items() if some] == [FIRST + DAYS - 2, FIRST + DAYS - 1, FIRST + DAYS]


def shifted(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(pl.col("time") + DAY)


def test_one_entity_with_half_of_all_events_and_a_day_a_hundred_times_as_large(days: dict[int, pl.DataFrame]) -> None:
    last = FIRST + DAYS - 1
    flood = days[last].filter(pl.col("class_uid") == 3002).head(200)
    many = pl.concat([flood.with_columns(uid=pl.col("uid") + f"-{k}", user=pl.lit("loud")) for k in range(100)])
    loud = {**days, last: pl.concat([days[last], many]).sort("time", "uid")}
    alerts = dict(through(loud))
    assert len(alerts[last]) == 5
    assert [alerts[day] for day in range(FIRST, last)] == [dict(through(days))[day] for day in range(FIRST, last)]


def test_unknown_classes_and_events_without_entities_are_no_harm(days: dict[int, pl.DataFrame]) -> None:
    last = FIRST + DAYS - 1
    empty = pl.DataFrame(
        [{"class_uid": 1001, "time": last * DAY + k, "uid": f"f{k}"} for k in range(50)], schema=SCHEMA
    )
    empty = pl.concat([empty, empty.with_columns(class_uid=pl.lit(3002, pl.Int32), uid=pl.col("uid") + "s")])
    odd = {**days, last: pl.concat([empty, days[last]]).sort("time", "uid")}
    assert dict(through(odd)) == dict(through(days))


def test_clocks_that_are_years_wrong_do_not_move_the_days(days: dict[int, pl.DataFrame], tmp_path: Path) -> None:
    times = [0, *(FIRST * DAY + k * 1000 for k in range(500)), (FIRST + 2) * DAY, (FIRST + 4000) * DAY]
    events = pl.LazyFrame({"time": times, "class_uid": 3002, "metadata.uid": [str(k) for k in range(len(times))]})
    found, late, astray = by_day(events, tmp_path / "days")
    assert (list(found), late, astray) == ([FIRST, FIRST + 2], 0, 2)
    assert [table.height for _, table in every_day(found, FIRST)] == [500, 0, 1]
    found, late, astray = by_day(events, tmp_path / "again", after=FIRST)
    assert late == 501


def test_amounts_that_cannot_be_are_not_known() -> None:
    sent = [5.0, -5000.0, float("nan"), float("inf"), None]
    events = pl.DataFrame({"class_uid": [4001] * 5, "time": range(5), "traffic.bytes_out": sent})
    assert narrowed(events)["sent"].to_list() == [5.0, None, None, None, None]
