"""Verdicts move what looks like the alerts that they are about, by known factors, and leave nothing when taken back."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from findings import NOW, alert

from residual.detect.alert import Alike, Answer, Entity, Muted, Verdict
from residual.detect.alerts import from_ocsf, read_alerts, to_ocsf, write_alerts
from residual.detect.firsts import SEEN
from residual.detect.folder import LONGEST, answer, explained, files, keys
from residual.detect.report import report
from residual.detect.score import load, score
from residual.detect.sights import SIGHTS
from residual.detect.stream import DAY, HOUR, SCHEMA
from residual.detect.verdicts import COLUMNS, PROFILES, Moved, moves, profiles
from residual.simulate import simulate

TODAY = 100


def row(uid: str, day: int, events: float, detector: str = "calls") -> dict[str, Any]:
    return {"uid": uid, "day": day, "events": events, "detector": detector, "entity": uid, "kind": "user", "begin": 0}


def table(*rows: dict[str, Any]) -> pl.DataFrame:
    """Profiles that differ in one column; columns that are not there are null."""
    return pl.DataFrame([dict.fromkeys(PROFILES) | row for row in rows], schema=PROFILES)


def moved(*answered: tuple[Answer, int], detector: str = "calls", events: float = 1.0) -> dict[str, Moved]:
    """What answers to alerts of some days do to two candidates, of which `same` is like them and `other` is not."""
    past = [row(f"a{n}", day, 1.0) for n, (_, day) in enumerate(answered)]
    today = [row("same", TODAY, events, detector), row("other", TODAY, 9.0, detector)]
    told = {f"a{n}": one for n, one in enumerate(answered)}
    return moves(table(*past, *today), told, TODAY)


def known(true: float, benign: float, of_true: int, of_benign: int) -> float:
    """The rule in one line, with the weights of true and benign neighbors, and the numbers of all verdicts."""
    right = (of_true + 2) / (of_true + of_benign + 5)
    return 1.5 * math.log10((true + 0.5 * right) / (true + benign + 0.5) / right)


def test_without_verdicts_nothing_moves() -> None:
    assert moved() == {}
    assert moved(("unsure", TODAY - 1)) == {}
    assert moves(table(), {}, TODAY) == {}


def test_one_answer_moves_what_is_alike_by_a_known_factor() -> None:
    weight = 0.5 ** (1 / 14)
    benign = moved(("benign", TODAY - 1))
    assert benign["same"].shift == pytest.approx(known(0, weight, 0, 1), abs=1e-3)
    assert benign["same"].shift == pytest.approx(-0.69, abs=0.01)  # a fifth
    assert benign["same"].alike == (Alike("a0", "benign", round(weight, 3), Entity("user", "a0"), 0),)
    assert moved(("true", TODAY - 1))["same"].shift == pytest.approx(known(weight, 0, 1, 0), abs=1e-3)
    assert "other" not in benign


def test_answers_to_another_detector_or_about_something_else_do_nothing() -> None:
    assert moved(("benign", TODAY - 1), detector="errors") == {}
    assert moves(table(row("a", TODAY - 1, 1.0), row("same", TODAY, 1.0)), {"b": ("benign", TODAY - 1)}, TODAY) == {}


def test_an_answer_counts_from_the_next_day_on() -> None:
    profile = table(row("a", TODAY - 1, 1.0), row("same", TODAY, 1.0), row("other", TODAY, 9.0))
    assert moves(profile, {"a": ("benign", TODAY)}, TODAY) == {}
    assert moves(profile, {"a": ("benign", TODAY - 1)}, TODAY)["same"].shift < 0


def test_an_answer_wears_off_by_half_in_two_weeks() -> None:
    assert moved(("benign", TODAY - 14))["same"].shift == pytest.approx(known(0, 0.5, 0, 1), abs=1e-3)


def test_no_number_of_wrong_answers_moves_by_more_than_a_factor_of_ten() -> None:
    benign = moved(*[("benign", TODAY - 1)] * 50)["same"]
    assert benign.shift == -1.0  # so what is more than ten times rarer than the next one passes
    assert len(benign.alike) == 10
    true = moved(*[("true", TODAY - 1)] * 50)["same"].shift
    assert 0 < true <= 1.0
    mixed = moved(("benign", TODAY - 1), ("true", TODAY - 1))["same"].shift
    assert moved(("benign", TODAY - 1))["same"].shift < mixed < moved(("true", TODAY - 1))["same"].shift


def event(time: int, **values: Any) -> dict[str, Any]:
    return dict.fromkeys(SCHEMA) | {"class_uid": 6003, "time": TODAY * DAY + time, "user": "ada"} | values


def test_a_profile_by_hand() -> None:
    events = [event(n * 60_000, operation=name, status_id=status) for n, (name, status) in
              enumerate([("read", 1), ("read", 1), ("write", 2), ("read", 1)])]  # fmt: skip
    around = pl.DataFrame(
        [*events, event(HOUR, operation="late"), event(0, user="bob", operation="his")], schema=SCHEMA
    )
    sight = dict.fromkeys(SIGHTS) | {
        "begin": TODAY * DAY, "end": TODAY * DAY + HOUR, "kind": "user", "entity": "ada", "detector": "calls",
        "class_uid": 6003, "rate": 1.0,
    }  # fmt: skip
    seen = pl.DataFrame(
        [("user", "ada", "operation", "read"), *(("user", name, "operation", "write") for name in ("bob", "eve"))],
        schema=SEEN, orient="row",
    )  # fmt: skip
    schema = SIGHTS | {"detector": pl.String, "class_uid": pl.Int32, "rate": pl.Float64}
    sights = pl.DataFrame([sight, sight | {"rate": 2.0}, sight | {"detector": "often", "rate": 10.0}], schema=schema)
    (profile,) = profiles(sights, around, seen, TODAY).to_dicts()
    assert profile["day"] == TODAY
    assert {name: profile[name] for name in ("events", "minutes", "gaps", "failed", "different operation")} == (
        pytest.approx({"events": math.log(5), "minutes": math.log(4), "gaps": 0.0, "failed": 0.25,
                       "different operation": math.log(2)})
    )  # fmt: skip
    assert (profile["new operation"], profile["any new operation"]) == (0.25, 1.0)
    assert profile["new country"] is None
    empty = profiles(sights.clear(), around, seen, TODAY)
    assert empty.schema == pl.Schema(PROFILES)
    assert set(COLUMNS) < set(empty.columns)


def test_an_alert_says_by_how_much_it_was_moved_and_why(tmp_path: Path) -> None:
    alike = (Alike("a0", "benign", 0.8, Entity("machine", "srv-12"), NOW), Alike("a1", "true", 0.1, Entity("", ""), 0))
    lowered = alert(shift=-0.5, alike=alike)
    assert from_ocsf(json.loads(json.dumps(to_ocsf(lowered)))) == lowered
    assert "verdicts" not in to_ocsf(alert())["unmapped"]
    (tmp_path / "2023-11-14.jsonl").write_text(json.dumps(to_ocsf(lowered)) + "\n")
    line = "lowered by verdicts, by a factor of 3.2: like 1 benign and 1 true, most like alert a0, which was benign"
    assert line in "\n".join(explained(tmp_path, lowered.uid))
    assert line in report([lowered])
    assert "srv-12, 14 November 2023" in report([lowered])
    assert "by verdicts" not in report([alert()])


@pytest.mark.parametrize(
    "verdicts",
    [1, {}, {"shift": "x", "alike": []}, {"shift": 9.0, "alike": []}, {"shift": 0.0, "alike": [{"uid": "a"}]}],
)
def test_verdicts_that_cannot_be_read_are_named(verdicts: Any) -> None:
    finding = to_ocsf(alert())
    finding["unmapped"]["verdicts"] = verdicts
    with pytest.raises(ValueError, match=r"\$.unmapped.verdicts"):
        from_ocsf(finding)


@pytest.fixture(scope="module")
def organization(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seventeen days, of which the first fifteen are scored, so that the alerts of one day wait for answers."""
    root = tmp_path_factory.mktemp("verdicts")
    simulate(root / "organization", users=10, days=17, seed=0)
    folders = sorted((root / "organization" / "events").glob("class=*/eventDay=*"))
    begun = sorted({folder.name for folder in folders})[:15]
    for folder in folders:
        if folder.name in begun:
            shutil.copytree(folder, root / "begun" / folder.parent.name / folder.name)
    score(root / "begun", root / "model", root / "alerts", budget=5)
    return root


@pytest.fixture(scope="module")
def without(organization: Path) -> Path:
    return after(organization, "without", None)


@pytest.fixture(scope="module")
def benign(organization: Path) -> Path:
    return after(organization, "benign", "benign")


def after(root: Path, name: str, said: Answer | None) -> Path:
    """A folder with the alerts of the last two days, scored from the same beginning after the same answer to all."""
    out = root / name
    for part in ("alerts", "model"):
        shutil.copytree(root / part, out / part)
    (path,) = files(out / "alerts").values()
    verdict = None if said is None else Verdict(said, "because")
    write_alerts(path, [replace(one, verdict=verdict) for one in read_alerts(path)])
    go_on(root, out)
    return out


def go_on(root: Path, out: Path) -> None:
    score(root / "organization" / "events", out / "model", out / "alerts", budget=5)


def written(out: Path) -> dict[str, bytes]:
    """The files of the last two days."""
    return {path.name: path.read_bytes() for path in sorted((out / "alerts").iterdir())[1:]}


def test_answers_rank_the_days_after_and_nothing_falls_out_unseen(without: Path, benign: Path) -> None:
    assert len(written(without)) == 2
    assert written(benign) != written(without)
    for name in written(without):
        plain, now = (read_alerts(out / "alerts" / name) for out in (without, benign))
        fallen = benign / "alerts" / name.replace(".jsonl", ".lowered.jsonl")
        lowered = read_alerts(fallen) if fallen.exists() else []
        assert len(now) == len(plain)
        assert all(one.alike for one in (*now, *lowered) if one.shift)
        told = {uid for one in (*now, *lowered) for uid in one.events}
        assert all(told & set(one.events) for one in plain)
    assert not [one for path in files(without / "alerts").values() for one in read_alerts(path) if one.shift]


def test_an_answer_that_is_taken_back_leaves_nothing(organization: Path, without: Path, benign: Path) -> None:
    assert written(after(organization, "unsure", "unsure")) == written(without)
    # Days that were scored with answers, and are scored again without them, are as if there never had been any.
    back = organization / "back"
    shutil.copytree(benign / "alerts", back / "alerts")
    shutil.copytree(organization / "model", back / "model")
    shutil.copytree(organization / "alerts", back / "alerts", dirs_exist_ok=True)
    go_on(organization, back)
    assert written(back) == written(without)
    memories = [load(out / "model") for out in (without, back, benign)]
    kept = [memory.profiles for memory in memories if memory]
    assert kept[0].height
    assert all(profiles.equals(kept[0]) for profiles in kept)


def test_a_run_that_is_killed_goes_on_with_the_answers(
    organization: Path, benign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("residual.detect.score.save", killed)
        with pytest.raises(KeyboardInterrupt):
            after(organization, "killed", "benign")
    out = organization / "killed"
    day = sorted(files(out / "alerts").values())[-1]
    first = answer(out / "alerts", read_alerts(day)[0].uid, Verdict("unsure", "later"))
    go_on(organization, out)
    assert read_alerts(day)[0] == first  # a day that is done again keeps its answers
    write_alerts(day, [replace(one, verdict=None) for one in read_alerts(day)])
    assert written(out) == written(benign)


@pytest.mark.parametrize("days", [1, 2])
def test_what_is_muted_is_not_raised_up_to_a_day_and_does_not_fall_out_unseen(
    organization: Path, without: Path, days: int
) -> None:
    """An alert of the first day is made to be about what the oddest of the last day is about, and muted."""
    last = sorted(files(without / "alerts"))[-1]
    target = read_alerts(files(without / "alerts")[last])[0]
    out = organization / f"muted-{days}"
    for part in ("alerts", "model"):
        shutil.copytree(organization / part, out / part)
    ((first, path),) = files(out / "alerts").items()
    alerts = read_alerts(path)
    write_alerts(path, [replace(alerts[0], uid="0" * 16, signals=target.signals), *alerts[1:]])
    answer(out / "alerts", "0" * 16, Verdict("benign", "known", until=first + days))
    go_on(organization, out)
    now = read_alerts(files(out / "alerts")[last])
    fallen = files(out / "alerts")[last].with_suffix(".lowered.jsonl")
    if first + days < last:  # it is over
        assert now[0].uid == target.uid
        assert not fallen.exists()
        return
    assert not {key for one in now for key in keys(one)} & set(keys(target))
    (lowered,) = (one for one in read_alerts(fallen) if one.uid == target.uid)
    assert lowered.muted == Muted("0" * 16, first + days, "known")
    assert to_ocsf(lowered)["status_id"] == 3  # Suppressed


def test_a_mute_is_told_and_has_an_end(tmp_path: Path) -> None:
    raised = alert(raised=NOW + HOUR)
    day = NOW // DAY
    write_alerts(tmp_path / "2023-11-14.jsonl", [raised])
    for verdict, expected in (
        (Verdict("true", "it was", until=day), "only what is benign can be muted, got true"),
        (Verdict("benign", "ours", until=day - 1), "until a day from 2023-11-14 to 2024-02-12, got 13 November 2023"),
        (Verdict("benign", "ours", until=day + LONGEST + 1), "got 13 February 2024"),
    ):
        with pytest.raises(ValueError, match=expected):
            answer(tmp_path, raised.uid, verdict)
    answered = answer(tmp_path, raised.uid, Verdict("benign", "ours", until=day + LONGEST))
    assert read_alerts(tmp_path / "2023-11-14.jsonl") == [answered]
    assert "muted until 12 February 2024" in report([answered])
    muted = replace(raised, muted=Muted("a0", day, "ours"))
    write_alerts(tmp_path / "2023-11-14.jsonl", [muted])
    assert "muted until 14 November 2023 by the answer to alert a0: ours" in "\n".join(explained(tmp_path, raised.uid))


@pytest.mark.parametrize(("name", "value"), [("muted", {"uid": "a"}), ("muted", 3), ("mutes_until", "tomorrow")])
def test_a_mute_that_cannot_be_read_is_named(name: str, value: Any) -> None:
    finding = to_ocsf(alert(verdict=Verdict("benign", "ours")))
    finding["unmapped"][name] = value
    with pytest.raises(ValueError, match=rf"\$.unmapped.{name}"):
        from_ocsf(finding)


def test_a_day_that_is_done_again_is_not_muted_by_its_own_answers(organization: Path, without: Path) -> None:
    """A run was killed between the alerts of a day and the memory of it, and meanwhile one of them was muted."""
    day = sorted(files(without / "alerts"))[1]
    out = organization / "again"
    for part in ("alerts", "model"):
        shutil.copytree(organization / part, out / part)
    path = Path(shutil.copy(files(without / "alerts")[day], out / "alerts"))
    first = answer(out / "alerts", read_alerts(path)[0].uid, Verdict("benign", "ours", until=day))
    go_on(organization, out)
    assert read_alerts(path)[0] == first
    assert not path.with_suffix(".lowered.jsonl").exists()
