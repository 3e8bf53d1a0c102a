"""The rivals that see single events and labels: nothing looks ahead, what is odd scores high, tables are as agreed."""

import numpy as np
import polars as pl
import pytest

from residual.simulate import simulation
from residual.simulate.calendar import DAY, HOUR, MINUTE, START
from residual_book.evaluation.alerts import SCORED, checked
from residual_book.evaluation.watched import Watched, watch
from residual_book.rivals import supervised
from residual_book.rivals.histories import histories
from residual_book.rivals.sequences import orders
from residual_book.rivals.single_events import COLUMNS, distances, mixed, single_events


@pytest.fixture(scope="module")
def watched() -> Watched:
    """A small organization of nine days with many attacks."""
    return watch(simulation(users=12, days=9, seed=3, episodes=40.0), supervised.COLUMNS)


def calls(*rows: tuple[float, str, str]) -> pl.DataFrame:
    """Calls from the hour of each, its caller and its operation."""
    table = pl.DataFrame(rows, schema=["hour", "user", "api.operation"], orient="row")
    return table.with_columns(time=START + (pl.col("hour") * HOUR).cast(pl.Int64)).sort("time")


def test_histories_are_sums_up_to_the_end_of_each_hour() -> None:
    events = calls((0.1, "ann", "a"), (0.2, "ann", "a"), (3.5, "ann", "a"), (20.0, "ann", "a"), (20.5, "bob", "a"))
    rows = histories(events.with_columns(cost=pl.Series([1.0, 2.0, 4.0, 8.0, 16.0])), ["user"], ["cost"], ["cost"])
    ann = rows.filter(pl.col("user") == "ann")
    assert ann["hour"].to_list() == [0, 3, 20]
    assert ann["n.1h"].to_list() == [2, 1, 1]
    assert ann["cost.4h"].to_list() == [3, 7, 8]
    assert ann["cost.12h"].to_list() == [3, 7, 8]
    assert ann["cost.most"].to_list() == [2, 4, 8]
    assert ann["age"].to_list() == [0, 3, 20]
    assert ann["active"].to_list() == [0, 1, 2]
    assert ann["cost.usual"].to_list() == [0, 0, 7 / 8 * 4]  # seven in the eight hours before the last twelve
    assert rows.filter(pl.col("user") == "bob")["cost.12h"].to_list() == [16]


def test_an_order_is_odd_that_its_caller_never_had_and_others_have() -> None:
    usual = [(24 * day + hour, "ann", name) for day in range(9) for hour, name in ((8, "list"), (9, "make"))]
    other = [(24 * day + hour, "bob", name) for day in range(9) for hour, name in ((8, "make"), (9, "list"))]
    found = orders(calls(*usual, *other, (24 * 9 + 8, "ann", "make"), (24 * 9 + 9, "ann", "list")))
    ann = found.filter(pl.col("user") == "ann")
    assert ann["odd"][-1] > 1 > ann["odd"][-3]  # make before list; list before make, as always
    assert ann["gram.new"].to_list()[4:-2] == [0] * 14
    assert ann["gram.new"][-1] == 1
    assert ann["operation.new"].sum() == 2


@pytest.mark.parametrize("name", supervised.VIEWS)
def test_no_view_looks_ahead(watched: Watched, name: str) -> None:
    view, until = supervised.VIEWS[name][0], START + 5 * DAY + 10 * HOUR
    past = view({k: table.filter(pl.col("time") < until) for k, table in watched.events.items()})
    whole = view(watched.events).filter(pl.col("end") <= until)
    assert past.height > 5
    order = ["end", "kind", "value", "other_value"]
    shared = [column for column in whole.columns if column in past.columns]
    assert set(whole.columns) - set(past.columns) <= {c for c in whole.columns if c.startswith("op.")}
    same = [table.select(shared).sort(order + [c for c in shared if c not in order]) for table in (past, whole)]
    np.testing.assert_allclose(
        *(t.select(pl.col(pl.Float32, pl.Float64)).to_numpy() for t in same), rtol=1e-3, atol=1e-3
    )


def test_what_was_learned_from_labels_finds_attacks(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {name: supervised.VIEWS[name] for name in ("sources", "names", "applications")}
    monkeypatch.setattr(supervised, "VIEWS", few)
    seen = supervised.look(watched.events)
    taught = supervised.lessons(seen, watched.truth)
    assert all(lesson.attack.any() for lesson in taught.values())
    scored = supervised.score(supervised.learn([taught]), seen)
    assert checked(scored)["day"].unique().to_list() == [7, 8]
    tops = scored.sort("score", descending=True).head(10)
    assert supervised.attacks(tops, watched.truth, watched.truth.episodes["type"].to_list()).mean() > 0.5


def sign_ins() -> pl.DataFrame:
    """Three weeks of two users' sign-ins each hour, of the same kind but for one by ann on the last day."""
    times = [(START + n * HOUR + 7 * MINUTE, who) for n in range(21 * 24) for who in ("ann", "bob")]
    table = pl.DataFrame(times, schema=["time", "user"], orient="row").with_columns(
        pl.lit("10.0.0.1").alias("address"),
        pl.lit("pc").alias("machine"),
        pl.lit("portal").alias("service.name"),
        pl.lit(1).alias("status_id"),
        pl.lit(True).alias("is_mfa"),
        pl.lit("User").alias("user.type"),
        pl.lit("DE").alias("src_endpoint.location.country"),
    )
    strange = pl.when((pl.col("time") > START + 20 * DAY + 12 * HOUR) & (pl.col("user") == "ann"))
    return table.with_columns(address=strange.then(pl.lit("203.0.113.9")).otherwise("address"))


@pytest.mark.parametrize("network", [True, False])
def test_the_first_event_of_its_kind_is_the_oddest(network: bool) -> None:
    scored = single_events({"authentication": sign_ins()}, network=network)
    days = checked(scored)["day"]
    assert set(COLUMNS) >= {"authentication"}
    assert days.min() == 7  # nothing to compare with before
    assert days.max() == 20
    top = scored.filter(days >= 14).sort("score", descending=True).head(1)
    assert top["value"].item() == "ann"
    assert top["end"].item() == START + 20 * DAY + 13 * HOUR


def test_nothing_is_said_about_who_is_new() -> None:
    table = sign_ins()
    late = table.filter(pl.col("time") > START + 19 * DAY).with_columns(user=pl.lit("eve"))
    both = pl.concat([table, late]).sort("time", maintain_order=True)
    scored = single_events({"authentication": both}, network=False)
    assert set(scored["value"]) == {"ann", "bob"}


def test_the_distance_is_to_the_fifth_nearest() -> None:
    known = np.arange(8, dtype=np.float32)[:, None]
    assert distances(np.array([[0.0], [10.0]], np.float32), known).tolist() == [4, 7]


def test_two_tables_share_the_alerts() -> None:
    rng = np.random.default_rng(0)

    def table(kind: str, scale: float) -> pl.DataFrame:
        end = np.repeat(START + np.arange(7, 35) * DAY + 5 * HOUR, 300)
        rows = {"begin": end - HOUR, "end": end, "score": rng.exponential(scale, len(end))}
        named = pl.DataFrame(rows).with_columns(
            kind=pl.lit(kind), value=pl.Series(np.tile(np.arange(300), 28)).cast(pl.String)
        )
        none = pl.lit(None, pl.String)
        return named.with_columns(other_kind=none, other_value=none).select(SCORED.keys())

    both = mixed(table("user", 1.0), table("machine", 100.0), share=0.2)
    top = both.sort("score", descending=True).head(28 * 20)
    assert (top["kind"] == "machine").mean() == pytest.approx(0.2, abs=0.06)
