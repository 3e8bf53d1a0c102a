"""Commands run from a page and killed on the way, an attacker who grows slowly, and what the page holds itself to."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from residual.detect.detectors import DETECTORS
from residual.detect.stream import DAY, HOUR
from residual_book.claims import ClaimError
from residual_book.part5.system import claims, commands, figures, poisoning
from residual_book.part5.system.poisoning import FIRST, GROWTHS, MOST, Poisoned
from residual_book.recording import recorded_runs

PEOPLE, BEFORE = 30, 24


def sign_ins(days: int) -> list[pl.DataFrame]:
    """Of thirty people who sign in each hour of a working day, and before that fail some times."""
    rng = np.random.default_rng(0)
    tables = []
    for day in range(FIRST, FIRST + days):
        rows = [
            (day * DAY + hour * HOUR + user, 3002, f"user-{user:02}", status)
            for hour in range(8, 18)
            for user in range(PEOPLE)
            for status in [2] * rng.poisson(2) + [1]
        ]
        schema = {"time": pl.Int64, "class_uid": pl.Int32, "user": pl.String, "status_id": pl.Int32}
        tables.append(pl.DataFrame(rows, schema=schema, orient="row"))
    return tables


@pytest.fixture(scope="module")
def poisoned() -> Poisoned:
    return poisoning.poison(0, 0, sign_ins(BEFORE + 12), before=BEFORE)


def test_guesses_are_failed_sign_ins_of_the_user_in_every_hour() -> None:
    (events,) = sign_ins(1)
    more = poisoning.with_guesses(events, "user-03", 2.0, FIRST, np.random.default_rng(0)).tail(48)
    assert more["user"].unique().to_list() == ["user-03"]
    assert more["status_id"].unique().to_list() == [2]
    assert more["class_uid"].unique().to_list() == [DETECTORS[0].class_uid]
    assert more.group_by(pl.col("time") // HOUR).len()["len"].to_list() == [2] * 24


def test_who_hurries_is_found_and_who_has_time_is_not(poisoned: Poisoned) -> None:
    hurried, patient = GROWTHS.index(1.0), GROWTHS.index(0.02)
    assert poisoned.found[hurried] is not None
    assert poisoned.found[patient] is None
    assert poisoned.level[patient] == pytest.approx(1.02**11)
    assert 1 < poisoned.at_once < 20
    assert all(level <= MOST for level in poisoned.level)
    assert 5 <= poisoned.usual <= 12


def test_the_victims_of_an_organization_are_different(poisoned: Poisoned) -> None:
    assert poisoning.poison(0, 1, sign_ins(BEFORE + 1), before=BEFORE).user != poisoned.user


def test_a_recording_goes_on_where_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[int, int]] = []

    def poison(seed: int, victim: int, days: object) -> Poisoned:
        made.append((seed, victim))
        return replace(RUN, seed=seed, user=f"user-{victim}")

    monkeypatch.setattr(poisoning, "poison", poison)
    monkeypatch.setattr(poisoning, "sign_ins", lambda seed: [])
    out = tmp_path / "poisoning.json"
    poisoning.record(out, [0])
    poisoning.record(out, [0, 1])
    assert made == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [(run.seed, run.user) for run in recorded_runs(out, Poisoned)] == [
        (0, "user-0"), (0, "user-1"), (1, "user-0"), (1, "user-1")
    ]  # fmt: skip
    assert json.loads(out.read_text())["command"].endswith("--seeds 0,1")


def test_commands_show_themselves_and_what_they_print(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    commands.residual("simulate --out 'an organization' --users 10 --days 1 --seed 0")
    out = capsys.readouterr().out
    assert out.startswith("$ residual simulate --out 'an organization'")
    assert "events" in out
    assert commands.megabytes(tmp_path / "an organization") > 0


def test_what_ends_by_itself_cannot_be_killed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="ended with status 2 before it could be killed"):
        commands.killed(
            f"score {tmp_path / 'nothing'} --model {tmp_path / 'm'} --out {tmp_path / 'a'}", tmp_path, after=1
        )


def test_folders_with_other_bytes_are_not_the_same(tmp_path: Path) -> None:
    for name, content in (("a", "1"), ("b", "1"), ("c", "2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "2025-03-20.jsonl").write_text(content)
    assert commands.same(tmp_path / "a", tmp_path / "b")
    assert not commands.same(tmp_path / "a", tmp_path / "c")


def test_a_report_stands_in_the_page_and_is_kept_whole(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text('<!doctype html><p class="x">a & b</p>')
    shown = figures.embedded(tmp_path / "report.html").data
    assert "<p class" not in shown.split("srcdoc=")[1].split("sandbox")[0]
    assert 'title="' in shown
    assert 'download="report.html"' in shown


RUN = Poisoned(
    seed=0, user="ann", at_once=10, usual=12, level=(4, 29, 700, 900, 900, 900, 900, 16), found=(None,) * 7 + (4,),
    guesses=(1000,) * 8, listed=(0.4,) * 8, first=(2, 2, 2, 2, 3, 4, None, 4), unharmed=0.01,
)  # fmt: skip


def runs(one: Poisoned) -> list[Poisoned]:
    return [
        replace(one, seed=seed, level=tuple(level + seed / 10 for level in one.level), unharmed=0.01 * seed)
        for seed in range(5)
        for _ in range(2)
    ]


def test_figures_draw_what_was_measured() -> None:
    for drawing in (figures.poisoned(runs(RUN)), figures.on_the_list(runs(RUN))):
        assert drawing.alt in drawing.svg()


@pytest.mark.parametrize(
    ("claim", "spoiled"),
    [
        ("slow", replace(RUN, level=(4, 29, 60, 900, 900, 900, 900, 16))),
        ("fast", replace(RUN, level=(4, 29, 700, 900, 900, 900, 900, 64))),
        ("listed", replace(RUN, listed=(0.05,) * 8)),
        ("early", replace(RUN, first=(2, 2, None, 2, 3, 4, None, 4))),
    ],
)
def test_what_the_page_says_can_fail(claim: str, spoiled: Poisoned) -> None:
    claims.on_poisoning(runs(RUN))
    with pytest.raises(ClaimError, match=f"system-poison-{claim}'"):
        claims.on_poisoning(runs(spoiled))
