"""The simulator passes its guards over three seeds at the default hardness, and each guard sees a planted leak."""

from functools import cache

import numpy as np
import polars as pl
import pytest

from residual.experiments.guard_baselines import baselines
from residual.experiments.guard_classifiers import WHERE, Comparison, compare, one_event, split
from residual.experiments.guard_columns import ColumnAudit, audit, scores, worst_by_type
from residual.experiments.guard_data import Tables, raw_columns, tables
from residual.experiments.guard_times import contamination, density, origin, unseen
from residual.experiments.guard_values import drawn, only_attacks, shared_entities
from residual.experiments.guards import held_types
from residual.ocsf.simulate import TYPES, Simulation, simulation

SEEDS = (0, 1, 2)
COLLECTIVE = [name for name, kind in TYPES.items() if kind.kind == "collective"]


@cache
def simulations() -> list[Simulation]:
    return [simulation(users=30, days=8, seed=seed, episodes=60.0) for seed in SEEDS]


@cache
def found() -> list[Tables]:
    return [tables(one) for one in simulations()]


@cache
def audits() -> list[ColumnAudit]:
    return audit(found())


@cache
def comparisons() -> list[list[Comparison]]:
    return [compare(one, seed=seed, types=COLLECTIVE) for one, seed in zip(found(), SEEDS, strict=True)]


def planted(name: str, **columns: pl.Expr) -> list[Tables]:
    """The tables of all seeds with columns of one class changed."""
    return [{name: one[name].with_columns(**columns)} for one in found()]


ATTACK = pl.col("label.attack")


# Guard 1


def test_no_column_gives_a_contextual_or_collective_type_away() -> None:
    worst = worst_by_type(audits())
    assert set(held_types()) == {*COLLECTIVE, "valid_account"}
    assert {name: str(worst[name]) for name in held_types() if not worst[name].passes} == {}
    assert all(worst[name].episodes >= 30 for name in held_types())


@pytest.mark.parametrize("leak", ["value", "frequency", "null"])
def test_a_column_that_gives_a_type_away_is_seen(leak: str) -> None:
    number = pl.int_range(pl.len())
    column = {
        "value": pl.when(ATTACK).then(number % 90 + 30).otherwise(number % 90),
        "frequency": pl.when(ATTACK).then(number).otherwise(-(number % 5)),
        "null": pl.when(ATTACK).then(None).otherwise(number % 90),
    }[leak]
    worst = worst_by_type(audit(planted("dns_activity", leak=column)))["dns_tunnel"]
    assert not worst.passes
    assert worst.column == "leak"


def test_a_column_at_random_passes() -> None:
    rng = np.random.default_rng(0)
    parts = planted("dns_activity")
    for part in parts:
        part["dns_activity"] = part["dns_activity"].with_columns(dice=rng.random(part["dns_activity"].height))
    dice = [one for one in audit(parts) if one.column == "dice"]
    assert all(one.low < 0.53 for one in dice)


# Guards 2 and 3


def test_nothing_exists_only_in_attacks() -> None:
    assert only_attacks(found()) == []


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
    kinds = {one.what for one in only_attacks(planted("dns_activity", leak=column))}
    assert what in kinds


def test_attackers_entities_are_everybodys() -> None:
    assert all(share == 1 for one in found() for share in shared_entities(one).values())


def test_an_entity_of_the_attackers_own_is_seen() -> None:
    own = pl.when(ATTACK).then(pl.lit("198.51.100.7")).otherwise("src_endpoint.ip")
    leaky = planted("dns_activity", **{"src_endpoint.ip": own})[0]
    assert shared_entities({**found()[0], **leaky})["dns_activity: src_endpoint.ip"] < 1


def test_ids_ports_and_hashes_say_nothing() -> None:
    seen = drawn(found())
    assert {"metadata.uid", "src_endpoint.port", "connection_info.uid"} <= {one.column for one in seen}
    assert [one for one in seen if one.low > 0.6] == []


def test_ids_that_say_something_are_seen() -> None:
    leaky = pl.when(ATTACK).then(pl.concat_str(pl.lit("f"), "metadata.uid")).otherwise("metadata.uid")
    seen = drawn(planted("dns_activity", **{"metadata.uid": leaky}))
    assert max(one.low for one in seen) > 0.9


def test_labels_are_no_column_of_the_events() -> None:
    for one in simulations():
        for frame in one.day(0).events.values():
            assert not {"episode", "attack", "twin", "label"} & {name.split(".")[-1] for name in frame.columns}
        assert set(raw_columns(found()[0]["dns_activity"])).isdisjoint({"label.type", "label.attack"})


# Guard 4


def test_attacks_begin_when_people_work() -> None:
    for one in map(density, simulations()):
        assert one.episodes > 100
        assert one.p_hour > 0.001
        assert one.p_day > 0.001


def test_attacks_at_night_are_seen() -> None:
    one = simulations()[0]
    night = one.plan.episodes.with_columns(start=pl.col("start") // 86_400_000 * 86_400_000)
    plan = type(one.plan)(one.plan.decisions, night)
    assert density(Simulation(one.org, one.entities, plan)).p_hour < 1e-6


def test_train_and_test_share_no_time_and_no_entity() -> None:
    table = found()[0]["network_activity"]
    rows = split(table, "scan", "src_endpoint.ip", np.random.default_rng(0))
    early, late = table.filter(rows.train), table.filter(rows.test)
    benign = pl.col("label.episode").is_null()
    assert early.filter(benign)["time"].max() < late.filter(benign)["time"].min()  # type: ignore[operator]
    ours = ATTACK & (pl.col("label.type") == "scan")
    assert not set(early.filter(ours)["src_endpoint.ip"]) & set(late.filter(ours)["src_endpoint.ip"])
    assert set(early["label.episode"].drop_nulls()).isdisjoint(late["label.episode"].drop_nulls())


def test_a_type_can_be_kept_unseen() -> None:
    whole = found()[0]
    middle = int(whole["dns_activity"]["time"].median())  # type: ignore[arg-type]
    kept = unseen(whole, {"dns_tunnel"}, before=middle)
    assert kept["dns_activity"].filter(ATTACK).height == 0
    assert kept["network_activity"].filter(ATTACK).height > 0
    with pytest.raises(ValueError, match=r"types must be among .* got spying"):
        unseen(whole, {"spying"}, before=middle)


# Guard 5


def test_one_event_is_not_enough_and_its_window_is() -> None:
    """By the mean over three seeds: one event stays below 0.3 of average precision, its window is far above."""
    for name in COLLECTIVE:
        seeds = [next(c for c in one if c.type == name) for one in comparisons()]
        one, window = (np.mean([getattr(c, what) for c in seeds]) for what in ("one_event", "window"))
        assert one < 0.3, name
        assert window > 0.5, name
        assert window > 2 * one, name


def test_a_leak_lets_the_one_event_classifier_succeed() -> None:
    column = pl.when(ATTACK & (pl.col("label.type") == "scan")).then(7).otherwise(pl.int_range(pl.len()) % 7)
    leaky = found()[0] | planted("network_activity", leak=column)[0]
    scan = next(c for c in compare(leaky, seed=0, types=("scan",)) if c.type == "scan")
    assert scan.one_event > 0.9


def test_views_have_a_row_an_event() -> None:
    table = found()[0]["api_activity"].head(500)
    view = one_event(table)
    assert view.shape[0] == 500
    assert np.isfinite(view).all()
    assert set(WHERE) >= set(COLLECTIVE)


# Guard 6


def test_trivial_baselines_are_measured_and_do_not_solve_it() -> None:
    for one in baselines({name: found()[0][name] for name in ("dns_activity", "api_activity")}, seed=0):
        assert 0 <= one.precision <= 1
        assert 0 <= one.recall <= 1
        assert one.precision < 0.75
        assert one.chance > 0


def test_a_leak_lets_the_threshold_on_one_column_succeed() -> None:
    leaky = planted("api_activity", leak=ATTACK.cast(pl.Int64))[0]
    threshold = next(one for one in baselines(leaky, seed=0) if one.detector == "one column")
    assert threshold.precision == pytest.approx(1)


# Guards 7 and 8


def test_labels_are_the_injectors_word() -> None:
    for one, table in zip(simulations(), found(), strict=True):
        seen = origin(one, table)
        assert seen.labeled == seen.injected
        assert seen.shared > 0.85


def test_labels_by_a_rule_are_seen() -> None:
    rule = {"label.attack": pl.col("rcode_id") == 3}
    seen = origin(simulations()[0], planted("dns_activity", **rule)[0])
    assert seen.shared == 0


def test_training_data_are_as_contaminated_as_test_data() -> None:
    for one in map(contamination, found()):
        assert 0.5 < one.train / one.test < 2


def test_clean_training_data_are_seen() -> None:
    whole = found()[0]
    middle = whole["dns_activity"]["time"].median()
    clean = {name: table.filter(~ATTACK | (pl.col("time") > middle)) for name, table in whole.items()}
    seen = contamination(clean)
    assert seen.train < 0.6 * seen.test


def test_scores_rank_values_frequencies_and_nulls() -> None:
    ranked = scores(pl.Series(["b", None, "a", "b"]))
    assert ranked["value"].tolist() == [2, 0, 1, 2]
    assert ranked["frequency"].tolist() == [2, 1, 1, 2]
    assert ranked["null"].tolist() == [1, 0, 1, 1]
