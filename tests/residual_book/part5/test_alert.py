"""The story of one alert: which attack is told, what is around it, and what the page holds itself to."""

from dataclasses import replace
from typing import cast

import polars as pl
import pytest

from residual.detect.alert import Alert, Entity, Signal
from residual.detect.metrics import LABELS
from residual.detect.score import Memory
from residual.detect.stream import DAY, HOUR, SCHEMA
from residual.simulate import Simulation
from residual_book.claims import ClaimError, judging
from residual_book.evaluation.live import Live
from residual_book.evaluation.outcome import Outcome
from residual_book.evaluation.watched import BUDGETS
from residual_book.part5.alert import claims, figures
from residual_book.part5.alert.story import FAILURE, SIGN_IN, story

FIRST, TODAY = 100, 102  # days since 1970


def alert(user: str, events: tuple[str, ...], rate: float, raised: int) -> Alert:
    signal = Signal(
        "failed sign-ins of a user", (Entity("user", user),), raised - HOUR, raised, 9.0, 1.0, 1.0, rate, (), ""
    )
    return Alert(user, raised, raised - HOUR, raised, signal.entities, (signal,), (), events, len(events))


def organization(*, noticed: int = 12) -> Live:
    """Ann's password is tried every ten minutes from 10:00 to 13:00 of the last day, noticed at some hour."""
    rows = [(f"ann-{day}", day * DAY + 9 * HOUR, "ann", 1) for day in range(FIRST, TODAY + 1)]
    rows += [("bob-1", TODAY * DAY + 8 * HOUR, "bob", FAILURE)]
    tries = [(f"try-{i}", TODAY * DAY + 10 * HOUR + i * HOUR // 6, "ann", FAILURE if i < 18 else 1) for i in range(19)]
    table = pl.DataFrame(
        [(SIGN_IN, time, uid, status, user) for uid, time, user, status in [*rows, *tries]],
        schema={name: SCHEMA[name] for name in ("class_uid", "time", "uid", "status_id", "user")}, orient="row",
    )  # fmt: skip
    events = {day: table.filter(pl.col("time") // DAY == day).sort("time") for day in range(FIRST, TODAY + 1)}
    labels = [(uid, time, "brute_force-1", "brute_force", False) for uid, time, *_ in tries]
    labels += [("bob-1", TODAY * DAY + 8 * HOUR, "brute_force-1-twin", "brute_force", True)]
    alerts = [
        alert("bob", ("bob-1",), 0.01, TODAY * DAY + 9 * HOUR),
        alert("ann", tuple(uid for uid, *_ in tries), 0.1, TODAY * DAY + noticed * HOUR),
        alert("ann", ("ann-102",), 1.0, TODAY * DAY + 10 * HOUR),
    ]
    return Live(
        cast(Simulation, None), events, {TODAY - 1: [], TODAY: alerts},
        pl.DataFrame(labels, schema=LABELS, orient="row"), Memory(FIRST, TODAY + 1),
    )  # fmt: skip


def test_the_first_attack_that_was_noticed_in_time_is_told_and_no_twin() -> None:
    told = story(organization())
    assert (told.user, told.day) == ("ann", TODAY)
    assert (told.true, told.twins) == ([False, True, False], [True, False, False])
    assert told.attack.height == 19
    assert told.sign_ins.filter("attack").height == 19
    assert dict(told.hourly.iter_rows())[TODAY * 24 + 10] == 6
    assert min(told.hourly["hour"]) == FIRST * 24 + 9


def test_an_organization_without_such_an_attack_is_refused() -> None:
    with pytest.raises(ValueError, match="found before its end"):
        story(organization(noticed=14))


def test_figures_draw_the_story() -> None:
    told = story(organization())
    for drawing in (figures.sign_ins(told), figures.beside_the_past(told), figures.alerts_of_the_day(told)):
        assert drawing.alt in drawing.svg()


def test_the_story_gives_its_numbers() -> None:
    with judging():  # outside of a page nothing is kept
        claims.tell(story(organization()))


RUN = Outcome(
    rival="D", seed=1, rate="default", episode=("a", "b", "c"), type=("brute_force",) * 3, campaign=("",) * 3,
    rank=(1, 2, 3), hours=((None,) * 3,) * len(BUDGETS), alerts=(100,) * len(BUDGETS), true=(40,) * len(BUDGETS),
    at_twins=(10,) * len(BUDGETS), raised=(100,) * len(BUDGETS),
)  # fmt: skip


def runs(one: Outcome) -> list[Outcome]:
    return [replace(one, seed=seed, true=tuple(n + seed for n in one.true)) for seed in range(5)]


def test_what_the_page_says_of_others_can_fail() -> None:
    claims.on_others(runs(RUN))
    with pytest.raises(ClaimError, match="alert-brute-force'"):
        claims.on_others(runs(replace(RUN, rank=(1, None, None))))
    with pytest.raises(ClaimError, match="alert-precision'"):
        claims.on_others(runs(replace(RUN, true=(60,) * len(BUDGETS))))
