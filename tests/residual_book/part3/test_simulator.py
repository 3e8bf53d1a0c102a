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
from residual_book.organizations import Labeled, Tables, day_of, labeled, raw_columns
from residual_book.part3.simulator import claims, figures
from residual_book.part3.simulator.afternoon import DETECTORS, Found, afternoon
from residual_book.part3.simulator.columns import (
    HELD,
    LIMIT,
    Ranks,
    audit,
    episode_means,
    pooled,
    ranks,
    scores,
    worst_by_type,
)
from residual_book.part3.simulator.detectors import ANY, VIEWS, WHERE, Sample, compare, samples
from residual_book.part3.simulator.experiment import Guards
from residual_book.part3.simulator.habits import STEPS, in_order, surprisal, together
from residual_book.part3.simulator.labels import Labels, labels
from residual_book.part3.simulator.order import Order, stretch
from residual_book.part3.simulator.order import calls as calls_of
from residual_book.part3.simulator.people import Followed, followed
from residual_book.part3.simulator.times import Density, contamination, density
from residual_book.part3.simulator.values import OnlyAttacks, drawn_means, only_attacks, shared_entities
from residual_book.part3.simulator.week import PERSON, by_hour, calls, persons_day
from residual_book.part3.simulator.windows import Neighbors

ATTACK = pl.col("label.attack")


@cache
def simulated() -> Simulation:
    return simulation(users=30, days=5, seed=0, episodes=100.0)


@cache
def made() -> Labeled:
    return labeled(simulated())


def events() -> Tables:
    return made().events


def ranked(tables: Tables) -> dict[str, Ranks]:
    return {name: ranks(table) for name, table in tables.items()}


def planted(name: str, **columns: pl.Expr) -> Tables:
    """The events of one class with columns changed."""
    return {name: events()[name].with_columns(**columns)}


def planted_in(tables: Tables, name: str, **columns: pl.Expr) -> Tables:
    return tables | {name: tables[name].with_columns(**columns)}


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
    lookups = {"dns_activity": events()["dns_activity"]}
    means = episode_means(lookups, ranked(lookups))
    once, twice = ({(a.type, a.column, a.score): a for a in pooled([means] * n)} for n in (1, 2))
    assert once.keys() == twice.keys()
    for key, one in once.items():
        assert (twice[key].episodes, twice[key].auc) == (2 * one.episodes, pytest.approx(one.auc))
        assert twice[key].low >= one.low - 1e-12  # more episodes, a shorter interval


def test_scores_rank_values_frequencies_and_nulls() -> None:
    column = ranks(pl.DataFrame({"column": ["b", None, "a", "b"], "label.type": ["", "", "", ""]}))
    assert column.keys() == {"column"}
    found = scores(column["column"])
    assert found["value"].tolist() == [2, 0, 1, 2]
    assert found["frequency"].tolist() == [2, 1, 1, 2]
    assert found["null"].tolist() == [1, 0, 1, 1]


# Guards 2 and 3


def test_nothing_exists_only_in_attacks() -> None:
    assert only_attacks(events(), ranked(events())) == []


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
    leaky = planted("dns_activity", leak=column)
    leaks = {(leak.column, leak.what) for leak in only_attacks(leaky, ranked(leaky))}
    assert ("" if what == "nulls" else "leak", what) in leaks
    assert not {leak for leak, _ in leaks} - {"", "leak"}


def test_a_leak_says_its_value_and_how_many_episodes_have_it() -> None:
    odd = pl.when(ATTACK).then(pl.lit("odd")).when(pl.col("time") % 5 == 0).then(None).otherwise(pl.lit("usual"))
    leaky = planted("dns_activity", leak=odd)
    (leak,) = [leak for leak in only_attacks(leaky, ranked(leaky)) if leak.what == "value"]
    attacks = leaky["dns_activity"].filter(ATTACK)["label.episode"].n_unique()
    assert (leak.value, leak.episodes) == ("odd", attacks)


def test_an_entity_of_the_attackers_own_is_seen() -> None:
    own = pl.when(ATTACK).then(pl.lit("198.51.100.7")).otherwise("src_endpoint.ip")
    fair = shared_entities(events())
    assert all(0.8 * used <= shared <= used for shared, used in fair.values())
    assert not any("session" in name for name in fair)
    leaky = events() | planted("dns_activity", **{"src_endpoint.ip": own})
    assert shared_entities(leaky)["dns_activity: address"] == (0, 1)


def test_ids_ports_and_hashes_say_nothing() -> None:
    audits = pooled([drawn_means(events(), ranked(events()))])
    assert {"metadata.uid", "src_endpoint.port", "connection_info.uid"} <= {audit.column for audit in audits}
    assert max(audit.low for audit in audits) < 0.7  # one organization has few episodes
    leaky = pl.when(ATTACK).then(pl.concat_str(pl.lit("f"), "metadata.uid")).otherwise("metadata.uid")
    own = planted("dns_activity", **{"metadata.uid": leaky})
    assert max(audit.low for audit in pooled([drawn_means(own, ranked(own))])) > 0.9


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
    seen = labels(simulated(), made())
    assert seen.labeled == seen.injected
    assert seen.shared > 0.8
    ruled = replace(
        made(), events=planted_in(made().events, "dns_activity", **{"label.attack": pl.col("rcode_id") == 3})
    )
    assert labels(simulated(), ruled).shared < seen.shared


def test_names_that_are_wrong_or_missing_are_seen() -> None:
    seen = labels(simulated(), made())
    assert seen.named > 100
    assert seen.wrong == 0
    missing = labels(simulated(), replace(made(), entities=made().entities.tail(-1)))
    assert missing.wrong == 1
    other = made().entities.with_columns(role=pl.when(pl.int_range(pl.len()) == 0).then(pl.lit("x")).otherwise("role"))
    assert labels(simulated(), replace(made(), entities=other)).wrong == 2  # one too many, one too few


def test_campaigns_have_steps_and_faults_one_cause() -> None:
    seen = labels(simulated(), made())
    assert seen.campaigns[0] > 0
    assert seen.causes[0] > 0
    assert seen.campaigns[1] == seen.causes[1] == 0
    all_causes = planted_in(events(), "application_error", **{"label.role": pl.lit("cause")})
    found = labels(simulated(), replace(made(), events=all_causes))
    assert found.causes[1] > 0


def test_clean_training_data_are_seen() -> None:
    train, test = contamination(events())
    assert 0.5 < train / test < 2
    middle = events()["dns_activity"]["time"].median()
    train, test = contamination({name: t.filter(~ATTACK | (pl.col("time") > middle)) for name, t in events().items()})
    assert train < 0.6 * test


# Guard 5


def sample(seed: int, *, leak: bool) -> dict[str, Sample]:
    """Two classes that differ in the second view, and in the first where it leaks."""
    rng, n = np.random.default_rng(seed), 400
    attack = np.arange(n) % 20 == 0
    here, around = rng.normal(size=n) + 5 * (attack & leak), rng.normal(size=n) + 5 * attack
    views = {
        name: pl.DataFrame({"feature": value}, schema={"feature": pl.Float32})
        for name, value in zip(VIEWS, (here, around), strict=True)
    }
    kind = pl.Series(np.where(attack, "scan", ""))
    return {"network_activity": Sample(views, kind, attack, np.ones(n))}


@pytest.mark.parametrize("leak", [False, True])
def test_one_event_is_not_enough_unless_a_column_leaks(leak: bool) -> None:
    found = compare([sample(seed, leak=leak) for seed in range(3)], types=("scan",))["scan"]
    assert all(len(precision) == 3 for precision in found.values())
    one, around = (np.mean(found[view]) for view in VIEWS)
    assert around > 0.9
    assert one > 0.9 if leak else one < 0.3
    assert found["guesses"] == pytest.approx([0.05] * 3)


def test_nobody_is_tested_by_a_classifier_that_learned_from_them() -> None:
    """In every second organization alone does the feature say anything, and the other way round in the rest."""
    organizations = [sample(seed, leak=False) for seed in range(4)]
    for odd in organizations[1::2]:
        view = odd["network_activity"].views[VIEWS[1]]
        odd["network_activity"].views[VIEWS[1]] = view.select(-pl.col("feature"))
    assert np.mean(compare(organizations, types=("scan",))["scan"][VIEWS[1]]) < 0.3


def test_samples_hold_every_labeled_event_and_stand_for_all() -> None:
    found = samples(events(), ranked(events()), seed=0)
    assert set(WHERE.values()) <= found.keys()
    for name, part in found.items():
        if name == ANY:
            continue
        table = events()[name]
        assert part.weight.sum() == pytest.approx(table.height)
        assert (part.type != "").sum() == table["label.episode"].is_not_null().sum()
        assert part.attack.sum() == table["label.attack"].sum()
        assert {view.height for view in part.views.values()} == {len(part.weight)}
        assert not any(column.startswith("label.") for view in part.views.values() for column in view.columns)


# Habits


def work(operations: str, *, user: str = "ann", day: int = 0, every: int = 60_000) -> pl.DataFrame:
    names = operations.split()
    time = day * 86_400_000 + np.arange(len(names)) * every
    return pl.DataFrame({"user": [user] * len(names), "operation": names, "time": time})


def test_an_order_is_unusual_for_who_does_not_use_it() -> None:
    habit = pl.concat([work("a b c a b c a b c", day=day) for day in range(5)])
    both = pl.concat([habit, work("a b c", day=5), work("c b a", day=6)])
    odd = surprisal(both)
    assert odd[-2:].min() > 2 * odd[-5:-3].max()
    alone = surprisal(both, orders=1)
    assert alone[-1] == pytest.approx(alone[-6], abs=0.2)  # the same calls, one by one


def test_surprisal_knows_earlier_days_of_the_same_caller_only() -> None:
    today = surprisal(work("a a a a a a"))
    assert today == pytest.approx(np.full(6, today[0]))
    others = pl.concat([work("a a a a a a", user="bob"), work("a", day=1)])
    assert surprisal(others)[-1] == pytest.approx(today[0])


@pytest.mark.parametrize(
    ("operations", "every", "expected"),
    [
        (" ".join(STEPS), 60_000, [1, 1, 1, 1]),
        (" ".join(STEPS[::-1]), 60_000, [0, 0, 0, 0]),
        (f"{STEPS[0]} GetUser {STEPS[1]} {STEPS[0]} {STEPS[2]} {STEPS[3]}", 60_000, [1, 0, 1, 0, 1, 1]),
        (" ".join(STEPS), 3 * 3_600_000, [0, 0, 0, 0]),  # nine hours
    ],
)
def test_four_calls_in_their_order_within_six_hours(operations: str, every: int, expected: list[int]) -> None:
    part, others = in_order(work(operations, every=every))
    assert part.tolist() == expected
    assert not others.any()


def test_how_often_the_order_is_completed_counts_other_days() -> None:
    done = [work(" ".join(STEPS), day=day) for day in range(3)]
    _, others = in_order(pl.concat([*done, work("GetUser", day=9), work("GetUser", user="bob", day=9)]))
    assert others.tolist() == [2.0] * 12 + [3.0, 0.0]


def test_values_that_never_meet_are_odd_together() -> None:
    table = pl.DataFrame({"a": ["x", "y"] * 50 + ["x", None], "b": ["1", "2"] * 50 + ["2", "2"]})
    lift = together(table, "a", "b")
    assert lift[:100].min() > 0.5
    assert lift[100] < -2
    assert lift[101] == 0


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


def test_trivial_detectors_are_judged_on_later_days_by_one_budget() -> None:
    found = afternoon(events(), ranked(events()), seed=0)
    assert found.keys() == set(DETECTORS)
    assert all(0 <= f.recall < 0.75 and 0 <= f.precision <= 1 for f in found.values())
    assert found["count z-score"].recall > found["chance"].recall


# Work has an order, and people can be followed


def test_all_calls_are_somebodys() -> None:
    every = calls_of(simulated())
    assert every["time"].is_sorted()
    own = events()["api_activity"]
    assert every.height == own.height
    attacks = own.filter(ATTACK & (pl.col("label.type") == "persistence"))
    assert (every["whose"] == "attack").sum() == attacks.height


def test_a_stretch_holds_an_attack_in_its_order() -> None:
    shown = stretch(3)
    attack = shown.filter(pl.col("run") < 0)
    assert attack["operation"].to_list() == STEPS
    assert shown["hour"].is_sorted()
    assert shown["run"].n_unique() > 1


def test_sessions_nobody_opened_are_seen() -> None:
    fair = followed(events())
    assert 0.7 < fair.named < 1
    assert fair.opened > 0.8
    strange = planted_in(events(), "authentication", **{"session.uid": pl.lit("x")})
    assert followed(strange).opened == 0


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
    opened = day["authentication"]["session"].drop_nulls().unique(maintain_order=True).to_list()
    assert opened == list(range(len(opened)))
    assert all(table["session"].drop_nulls().is_in(opened).all() for table in day.values())
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
LABELS = Labels(100, 100, 0.9, 2000, 0, (4, 0), (9, 0))
ODD = {"normal work": np.arange(5.0), "attack": np.arange(4.0) + 3, "twin": np.arange(4.0) + 1}


def made_guards(**changes: Any) -> list[Guards]:
    """Guards of five organizations in which all is well but for `changes`."""
    found = {name: Found(recall, 0.3) for name, recall in zip(DETECTORS, (0.2, 0.05, 0.04, 0.03), strict=True)}
    organizations = [
        Guards(
            seed=seed,
            columns=COLUMNS,
            exclusive=[],
            entities={"authentication: user": (20, 20)},
            drawn=COLUMNS,
            density=Density(0.1, 0.1, 200),
            samples={},
            afternoon=found,
            labels=LABELS,
            contamination=(0.1, 0.1),
            order=Order(seed, ODD, 0.9 + seed / 100, 0.8, 0.6 + seed / 100, 0.1),
            followed=Followed(0.85 + seed / 1000, 0.95 + seed / 1000),
        )
        for seed in range(5)
    ]
    return [replace(organization, **changes) for organization in organizations]


def made_precision(**around: float) -> dict[str, dict[str, list[float]]]:
    """What classifiers of one event and of its surroundings reach, the latter as given or well."""
    one, few = [0.1, 0.12, 0.08, 0.1, 0.11], [0.02] * 5
    wide = {kind: [around.get(kind, 0.8) + seed / 100 for seed in range(5)] for kind in WHERE}
    return {kind: {VIEWS[0]: one, VIEWS[1]: wide[kind], "guesses": few} for kind in WHERE}


def test_figures_draw_and_tables_have_their_rows() -> None:
    guards, day = made_guards(), persons_day(events(), "exfiltration")
    beacons, updaters = (calls(events(), "beacon", twin=twin) for twin in (False, True))
    for drawing in (
        figures.week(by_hour(events())),
        figures.persons_day(day),
        figures.order(stretch(3), guards),
        figures.twins(beacons, updaters),
        figures.precision_by_type(made_precision()),
    ):
        assert drawing.alt in drawing.svg()
    assert len(figures.injected().data.splitlines()) == 2 + len(TYPES)
    assert len(figures.worst_columns(guards).data.splitlines()) == 2 + len(HELD)
    summary = figures.summary(guards).data
    assert "| injected events that carry a label, and no others do | 100% |" in summary
    assert "by count z-score: attacks found | 20% |" in summary


@pytest.mark.parametrize(
    ("claim", "changes"),
    [
        ("simulator-columns", {"columns": COLUMNS | {next(iter(COLUMNS)): [0.79, 0.82] * 20}}),
        ("simulator-columns", {"columns": COLUMNS | {next(iter(COLUMNS)): [0.6, 0.9] * 2}}),
        ("simulator-exclusive", {"exclusive": [OnlyAttacks("dns_activity", "rcode", "value", "odd", 3)]}),
        ("simulator-exclusive", {"entities": {"authentication: user": (9, 10)}}),
        ("simulator-counting", {"afternoon": dict.fromkeys(DETECTORS, Found(0.2, 0.3))}),
        ("simulator-hours", {"density": Density(0.5, 0.1, 200)}),
        ("simulator-labels", {"labels": replace(LABELS, labeled=99)}),
        ("simulator-labels", {"labels": replace(LABELS, shared=0.5)}),
        ("simulator-named", {"labels": replace(LABELS, wrong=1)}),
        ("simulator-named", {"labels": replace(LABELS, causes=(9, 1))}),
        ("simulator-order", {"order": Order(0, ODD, 0.7, 0.7, 0.6, 0.1)}),
        ("simulator-order", {"order": Order(0, ODD, 0.9, 0.7, 0.8, 0.1)}),
        ("simulator-order", {"order": Order(0, ODD, 0.9, 0.7, 0.6, 0.4)}),
        ("simulator-people", {"followed": Followed(0.95, 0.95)}),
        ("simulator-people", {"followed": Followed(0.85, 0.8)}),
    ],
)
def test_a_guard_that_fails_stops_the_page(claim: str, changes: dict[str, Any]) -> None:
    claims.on_guards(made_guards(), made_precision())
    with pytest.raises(ClaimError, match=claim):
        claims.on_guards(made_guards(**changes), made_precision())


@pytest.mark.parametrize(
    ("claim", "around"),
    [("simulator-window", dict.fromkeys(WHERE, 0.5)), ("simulator-together", {"valid_account": 0.25})],
)
def test_surroundings_that_say_too_little_stop_the_page(claim: str, around: dict[str, float]) -> None:
    with pytest.raises(ClaimError, match=claim):
        claims.on_guards(made_guards(), made_precision(**around))


def test_every_type_is_compared() -> None:
    assert set(TYPES) == set(WHERE)
