"""The guards of the simulator: each passes an organization as it is, and sees a leak that is planted into it."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from residual.simulate import TYPES, Simulation, simulation
from residual_book.claims import ClaimError
from residual_book.organizations import Tables, day_of, raw_columns, tables
from residual_book.part3.simulator import claims, figures
from residual_book.part3.simulator.columns import HELD, LIMIT, audit, episode_means, pooled, scores, worst_by_type
from residual_book.part3.simulator.detectors import WHERE, baselines, compare, split
from residual_book.part3.simulator.experiment import Guards
from residual_book.part3.simulator.times import Density, Origin, contamination, density, origin
from residual_book.part3.simulator.values import OnlyAttacks, drawn_means, only_attacks, shared_entities
from residual_book.part3.simulator.week import PERSON, by_hour, calls, persons_day
from residual_book.part3.simulator.windows import Neighbors

ATTACK = pl.col("label.attack")


@cache
def simulated() -> Simulation:
    return simulation(users=30, days=5, seed=0, episodes=100.0)


@cache
def events() -> Tables:
    return tables(simulated())


def planted(name: str, **columns: pl.Expr) -> Tables:
    """The events of one class with columns changed."""
    return {name: events()[name].with_columns(**columns)}


# Guard 1


@pytest.mark.parametrize("leak", ["value", "frequency", "null"])
def test_a_column_that_gives_a_type_away_is_seen(leak: str) -> None:
    number = pl.int_range(pl.len())
    column = {
        "value": pl.when(ATTACK).then(number % 90 + 60).otherwise(number % 90),
        "frequency": pl.when(ATTACK).then(number).otherwise(-(number % 5)),
        "null": pl.when(ATTACK).then(None).otherwise(number % 90),
    }[leak]
    worst = worst_by_type(audit([planted("dns_activity", leak=column)]))["dns_tunnel"]
    assert worst.low > LIMIT
    assert worst.column == "leak"


def test_a_column_at_random_passes() -> None:
    dice = pl.lit(pl.Series(np.random.default_rng(0).random(events()["dns_activity"].height)))
    audits = [audit for audit in audit([planted("dns_activity", dice=dice)]) if audit.column == "dice"]
    assert audits
    assert all(audit.low < 0.55 for audit in audits)


def test_the_episodes_of_organizations_are_pooled() -> None:
    means = episode_means({"dns_activity": events()["dns_activity"]})
    once, twice = ({(a.type, a.column, a.score): a for a in pooled([means] * n)} for n in (1, 2))
    assert once.keys() == twice.keys()
    for key, one in once.items():
        assert (twice[key].episodes, twice[key].auc) == (2 * one.episodes, pytest.approx(one.auc))
        assert twice[key].low >= one.low - 1e-12  # more episodes, a shorter interval


def test_scores_rank_values_frequencies_and_nulls() -> None:
    ranks = scores(pl.Series(["b", None, "a", "b"]))
    assert ranks["value"].tolist() == [2, 0, 1, 2]
    assert ranks["frequency"].tolist() == [2, 1, 1, 2]
    assert ranks["null"].tolist() == [1, 0, 1, 1]


# Guards 2 and 3


def test_nothing_exists_only_in_attacks() -> None:
    assert only_attacks([events()]) == []


@pytest.mark.parametrize(
    ("what", "column"),
    [
        ("value", pl.when(ATTACK).then(pl.lit("odd")).otherwise(pl.lit("usual"))),
        ("format", pl.concat_str(pl.when(ATTACK).then(pl.lit("a-")).otherwise(pl.lit("a")), pl.col("time") % 9)),
        ("range", pl.when(ATTACK).then(pl.col("time")).otherwise(0)),
        ("nulls", pl.when(~ATTACK).then(pl.col("time"))),
    ],
)
def test_what_only_attacks_have_is_seen(what: str, column: pl.Expr) -> None:
    assert what in {leak.what for leak in only_attacks([planted("dns_activity", leak=column)])}


def test_an_entity_of_the_attackers_own_is_seen() -> None:
    own = pl.when(ATTACK).then(pl.lit("198.51.100.7")).otherwise("src_endpoint.ip")
    assert all(share > 0.9 for share in shared_entities(events()).values())
    leaky = events() | planted("dns_activity", **{"src_endpoint.ip": own})
    assert shared_entities(leaky)["dns_activity: src_endpoint.ip"] == 0


def test_ids_ports_and_hashes_say_nothing() -> None:
    audits = pooled([drawn_means(events())])
    assert {"metadata.uid", "src_endpoint.port", "connection_info.uid"} <= {audit.column for audit in audits}
    assert max(audit.low for audit in audits) < 0.7  # one organization has few episodes
    leaky = pl.when(ATTACK).then(pl.concat_str(pl.lit("f"), "metadata.uid")).otherwise("metadata.uid")
    leaks = pooled([drawn_means(planted("dns_activity", **{"metadata.uid": leaky}))])
    assert max(audit.low for audit in leaks) > 0.9


def test_labels_are_no_column_of_the_events() -> None:
    for table in simulated().day(0).events.values():
        assert not {"episode", "attack", "twin", "label"} & {name.split(".")[-1] for name in table.columns}
    assert set(raw_columns(events()["dns_activity"])).isdisjoint({"label.type", "label.attack"})


# Guards 4, 7 and 8


def test_attacks_at_night_are_seen() -> None:
    usual = density(simulated()).hour
    plan = simulated().plan
    night = replace(plan, episodes=plan.episodes.with_columns(start=pl.col("start") // 86_400_000 * 86_400_000))
    assert density(replace(simulated(), plan=night)).hour > max(0.5, 2 * usual)


def test_labels_by_a_rule_are_seen() -> None:
    seen = origin(simulated(), events())
    assert seen.labeled == seen.injected
    assert seen.shared > 0.8
    assert origin(simulated(), planted("dns_activity", **{"label.attack": pl.col("rcode_id") == 3})).shared == 0


def test_clean_training_data_are_seen() -> None:
    train, test = contamination(events())
    assert 0.5 < train / test < 2
    middle = events()["dns_activity"]["time"].median()
    train, test = contamination({name: t.filter(~ATTACK | (pl.col("time") > middle)) for name, t in events().items()})
    assert train < 0.6 * test


# Guard 5


def test_train_and_test_share_no_time_and_no_entity() -> None:
    table = events()["network_activity"]
    train, test, _ = split(table, "scan", seed=0)
    early, late = table.filter(train), table.filter(test)
    benign, ours = pl.col("label.episode").is_null(), ATTACK & (pl.col("label.type") == "scan")
    assert early.filter(benign)["time"].max() < late.filter(benign)["time"].min()  # type: ignore[operator]
    assert not set(early.filter(ours)["src_endpoint.ip"]) & set(late.filter(ours)["src_endpoint.ip"])
    assert set(early["label.episode"].drop_nulls()).isdisjoint(late["label.episode"].drop_nulls())


def test_one_event_is_not_enough_and_its_window_is_unless_a_column_leaks() -> None:
    column = pl.when(ATTACK & (pl.col("label.type") == "scan")).then(7).otherwise(pl.int_range(pl.len()) % 7)
    fair = compare(events(), seed=0, types=("scan",))["scan"]
    leaky = compare(planted("network_activity", leak=column), seed=0, types=("scan",))["scan"]
    assert fair["sees one event"] < 0.4
    assert fair["sees its window"] > fair["sees one event"] + 0.2
    assert leaky["sees one event"] > 0.9


STREAMS = st.integers(1, 40).flatmap(
    lambda n: st.tuples(
        st.lists(st.sampled_from("abcd"), min_size=n, max_size=n),
        st.lists(st.sampled_from("abcd"), min_size=n, max_size=n),
        hnp.arrays(np.int64, n, elements=st.integers(10**12, 10**12 + 200)).map(np.sort),
    )
)


@given(STREAMS, st.integers(0, 60), st.integers(0, 60))
def test_sums_are_those_of_the_window(stream: tuple[list[str], list[str], np.ndarray], before: int, after: int) -> None:
    keys, items, time = stream
    key, weight = np.array(keys), np.array([float(ord(item)) for item in items])
    neighbors = Neighbors(pl.DataFrame({"key": keys, "time": time}), "key")
    expected = [
        weight[(key == k) & (time >= t - before) & (time <= t + after)].sum() for k, t in zip(key, time, strict=True)
    ]
    assert neighbors.sums(weight, before=before, after=after).tolist() == expected
    assert neighbors.total(weight).tolist() == [weight[key == k].sum() for k in key]


@given(STREAMS)
def test_in_a_wide_window_every_different_pair_counts_once(stream: tuple[list[str], list[str], np.ndarray]) -> None:
    keys, items, time = stream
    table = pl.DataFrame({"key": keys, "item": items, "time": time})
    different = Neighbors(table, "key").different(Neighbors(table, "key", "item"), window=1000)
    assert different.tolist() == table.select(pl.col("item").n_unique().over("key")).to_series().to_list()


def test_a_steady_sequence_does_not_deviate_and_a_lonely_event_has_no_rhythm() -> None:
    table = pl.DataFrame({"key": ["a"] * 10 + ["b"], "time": np.arange(11) * 1000})
    neighbors = Neighbors(table, "key")
    deviation = neighbors.deviation(np.full(11, 3.0))
    assert deviation[:10] == pytest.approx(np.zeros(10), abs=1e-6)
    assert deviation[10] == 99
    assert np.exp(neighbors.gaps())[1:10] == pytest.approx(1000)


# Guard 6


def test_trivial_detectors_do_not_solve_it_unless_a_column_leaks() -> None:
    classes = baselines({name: events()[name] for name in ("dns_activity", "api_activity")}, seed=0)
    for name, detectors in classes.items():
        assert detectors["guessing"] == pytest.approx(events()[name]["label.attack"].mean())
        assert all(0 <= precision < 0.75 for precision in detectors.values())
    leaky = baselines(planted("api_activity", leak=ATTACK.cast(pl.Int64)), seed=0)
    assert leaky["api_activity"]["one column"] == pytest.approx(1)


# What the page shows of a week


def test_every_event_is_in_its_hour() -> None:
    hourly = by_hour(events())
    assert all(count.shape == (168,) and count.sum() == events()[name].height for name, count in hourly.items())
    assert hourly["dns_activity"][:24].sum() == (day_of(events()["dns_activity"]) == 0).sum()


def test_a_persons_day_is_theirs() -> None:
    day = persons_day(events(), "exfiltration")
    assert day.keys() == PERSON.keys()
    assert any(table["label.attack"].any() for table in day.values())
    assert all(table["hour"].is_between(0, 24, closed="left").all() for table in day.values())
    with pytest.raises(ValueError, match=r"kind .* 'spying'"):
        persons_day(events(), "spying")


def test_calls_of_beacons_and_of_updaters() -> None:
    beacons, updaters = (calls(events(), "beacon", twin=twin) for twin in (False, True))
    assert {episode["machine"].n_unique() for episode in beacons} <= {1, 2}  # by address, which a lease may change
    assert all(set(episode["machine"]) >= {0, 1} for episode in updaters)
    for episode in beacons + updaters:
        assert episode["hours"][0] == 0
        assert episode["hours"].is_sorted()
        assert episode["rank"].is_between(0, 1).all()


# Figures and claims


COLUMNS = {(kind, "network_activity", "duration", "value"): [0.55, 0.65] * 20 for kind in (*HELD, "impossible")}


def made_guards(*, window: float = 0.8, counting: float = 0.5, **changes: Any) -> list[Guards]:
    """Guards of three organizations in which all is well but for `changes`."""
    precision = {
        "one column": 0.1,
        "count z-score": counting,
        "rarity": 0.2,
        "isolation forest": 0.15,
        "guessing": 0.09,
    }
    seen = {"sees one event": 0.1, "guesses": 0.02}
    organizations = [
        Guards(
            seed=seed,
            columns=COLUMNS,
            exclusive=[],
            entities={"authentication: user.name": 1.0},
            drawn=COLUMNS,
            density=Density(0.1, 0.1, 200),
            comparisons={kind: seen | {"sees its window": window + seed / 100} for kind in WHERE},
            baselines={"network_activity": {name: p + seed / 100 for name, p in precision.items()}},
            origin=Origin(100, 100, 0.9),
            contamination=(0.1, 0.1),
        )
        for seed in range(3)
    ]
    return [replace(organization, **changes) for organization in organizations]


def test_figures_draw_and_tables_have_their_rows() -> None:
    guards, day = made_guards(), persons_day(events(), "exfiltration")
    beacons, updaters = (calls(events(), "beacon", twin=twin) for twin in (False, True))
    for drawing in (
        figures.week(by_hour(events())),
        figures.persons_day(day),
        figures.twins(beacons, updaters),
        figures.precision_by_type(guards),
    ):
        assert drawing.alt in drawing.svg()
    assert len(figures.injected().data.splitlines()) == 2 + len(TYPES)
    assert len(figures.worst_columns(guards).data.splitlines()) == 2 + len(HELD)
    assert "| injected events that carry a label, and no others do | 100% |" in figures.summary(guards).data
    assert "| network activity | 0.110 | **0.510** | 0.210 | 0.160 | 0.100 |" in figures.trivial_detectors(guards).data


@pytest.mark.parametrize(
    ("claim", "changes"),
    [
        ("simulator-columns", {"columns": COLUMNS | {next(iter(COLUMNS)): [0.79, 0.82] * 20}}),
        ("simulator-columns", {"columns": COLUMNS | {next(iter(COLUMNS)): [0.6, 0.9] * 2}}),
        ("simulator-exclusive", {"exclusive": [OnlyAttacks("dns_activity", "rcode", "value", "odd", 3)]}),
        ("simulator-exclusive", {"entities": {"authentication: user.name": 0.9}}),
        ("simulator-window", {"window": 0.25}),
        ("simulator-counting", {"counting": 0.25}),
        ("simulator-hours", {"density": Density(0.5, 0.1, 200)}),
        ("simulator-labels", {"origin": Origin(100, 99, 0.9)}),
        ("simulator-labels", {"origin": Origin(100, 100, 0.5)}),
    ],
)
def test_a_guard_that_fails_stops_the_page(claim: str, changes: dict[str, Any]) -> None:
    claims.on_guards(made_guards())
    with pytest.raises(ClaimError, match=claim):
        claims.on_guards(made_guards(**changes))


def test_types_without_a_window_are_those_that_the_page_names() -> None:
    assert set(TYPES) - set(WHERE) == {"valid_account", "impossible"}
