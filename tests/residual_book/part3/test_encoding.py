"""What the encodings do to a simulated organization, what its past adds, and what leaks from its future."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import skew

from residual.simulate import simulation
from residual.tabular.hashing import collision_rate
from residual_book.claims import ClaimError
from residual_book.organizations import Tables, day_of, tables
from residual_book.part3.encoding import claims, encodings, figures, leakage
from residual_book.part3.encoding.encodings import Clock, Collision, Vocabulary
from residual_book.part3.encoding.experiment import Measured, against_twin, story
from residual_book.part3.encoding.leakage import ARMS, FORESIGHT, Foresight, context, foreseen

HOUR = 3_600_000


@pytest.fixture(scope="module")
def data() -> Tables:
    return tables(simulation(users=12, days=8, seed=6, episodes=80.0))


@pytest.fixture(scope="module")
def views(data: Tables) -> leakage.Contexts:
    return leakage.contexts(data)


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    """Sign-ins of two days, some of which belong to one attack and one twin."""
    rng, rows = np.random.default_rng(0), 400
    return pl.DataFrame(
        {
            "time": 1_740_960_000_000 + np.sort(rng.choice(48 * HOUR, rows, replace=False)),
            "user.name": rng.choice(["ann", "ben", "eve"], rows),
            "src_endpoint.ip": [f"10.0.0.{k}" for k in rng.integers(0, 9, rows)],
            "label.type": ["brute_force" if k < 40 else None for k in range(rows)],
            "label.episode": [f"brute_force-{k % 2}" if k < 40 else None for k in range(rows)],
            "label.twin": [k % 2 == 1 if k < 40 else None for k in range(rows)],
            "label.attack": [k < 40 and k % 2 == 0 for k in range(rows)],
        }
    )


def test_clocks_share_out_the_day(data: Tables) -> None:
    for clock in encodings.offices(data).values():
        assert clock.hours.shape == (24,)
        assert np.isclose(clock.hours.sum(), 1)
    night = encodings.night(data)
    assert night.line < night.circle
    assert night.circle > 0.999  # night is one arc, and an arc is cut off by one straight line


def test_collisions_are_near_the_formula(data: Tables) -> None:
    for collision in encodings.collisions(data):
        assert collision.expected == collision_rate(collision.distinct, collision.buckets)
        deviation = np.sqrt(
            2 * collision.expected * (1 - collision.expected) / collision.distinct
        )  # they come in pairs
        assert abs(collision.measured - collision.expected) < 5 * deviation + 2 / collision.distinct


def test_sizes_keep_their_order_and_lose_their_skew(data: Tables) -> None:
    for raw, encoded in encodings.sizes(data).values():
        assert (np.diff(encoded[np.argsort(raw, kind="stable")]) >= 0).all()
        assert abs(skew(encoded)) < abs(skew(raw))


def test_a_longer_past_knows_no_less(data: Tables) -> None:
    codes = encodings.vocabularies(data)
    assert set(codes) == {code for codes in encodings.CODES.values() for code in codes}
    for vocabulary in codes.values():
        assert len(vocabulary.unknown) == 8 - encodings.LAST
        assert (np.diff(vocabulary.unknown) <= 0).all()
    names, day = data["dns_activity"]["query.hostname"].drop_nulls(), day_of(data["dns_activity"])
    assert codes["query.hostname"].values == names.n_unique()
    new = ~names.filter(day >= 8 - encodings.LAST).is_in(names.filter(day == 0).unique().to_list()).to_numpy()
    assert np.isclose(codes["query.hostname"].unknown[0], new.mean())


def test_looks_are_bytes_and_bits(data: Tables) -> None:
    looks = encodings.looks(data)
    together = np.concatenate(list(looks.values()))
    names = data["dns_activity"]["query.hostname"].unique().drop_nulls()
    assert np.allclose(np.sort(together[:, 0]), np.sort(names.str.len_bytes().to_numpy()), atol=1e-3)
    assert (together[:, 1] <= np.log2(together[:, 0]) + 1e-5).all()  # no more bits than all bytes different
    auc, turned = (
        encodings.entropy_auc(looks, *pair) for pair in (("other names", "tunnel"), ("tunnel", "other names"))
    )
    assert auc == pytest.approx(1 - turned)


def test_the_past_is_the_same_without_the_future(table: pl.DataFrame) -> None:
    assert context("authentication", table)[:150].equals(context("authentication", table[:150]))
    assert not foreseen("authentication", table)[:150].equals(foreseen("authentication", table[:150]))


def test_foresight_counts_both_sides(table: pl.DataFrame) -> None:
    seen = foreseen("authentication", table)
    totals = table.select(pl.len().over("user.name") - 1).to_series()
    assert (seen["context.user.count"] == totals).all()
    time, user = table["time"].to_numpy(), table["user.name"].to_numpy()
    near = (np.abs(time[:, None] - time) < HOUR) & (user[:, None] == user)
    assert np.array_equal(seen["context.user.count_1h"].to_numpy(), near.sum(axis=1) - 1)
    once = table.select(pl.len().over("user.name", "src_endpoint.ip") == 1).to_series()
    assert seen["context.user.first.src_endpoint.ip"].equals(once, check_names=False)
    assert (seen["context.user.count"] >= context("authentication", table)["context.user.count"]).all()


def test_a_story_is_of_one_user(table: pl.DataFrame) -> None:
    past = context("authentication", table)
    told = story(table, past, twin=False)
    assert 0 < told["inside"].sum() < len(told)
    assert told["hours"][0] >= -8
    assert told["hours"].is_sorted()
    assert set(told["count"]) <= set(past["context.user.count_1h"].fill_null(0))


def test_against_twin_is_an_auc(table: pl.DataFrame) -> None:
    count = context("authentication", table)["context.user.count"]
    flipped = table.with_columns(pl.col("label.attack").not_())
    assert against_twin(table, count, "brute_force") == pytest.approx(1 - against_twin(flipped, count, "brute_force"))


def test_foresight_finds_beginnings(data: Tables, views: leakage.Contexts) -> None:
    types = leakage.foresight(data, views)
    assert types.keys() == FORESIGHT.keys()
    assert all(0 <= auc <= 1 for each in types.values() for auc in vars(each).values())
    assert np.mean([auc.first_whole - auc.first_past for auc in types.values()]) > 0.2


def test_nothing_gains_where_there_is_no_foresight(data: Tables, views: leakage.Contexts) -> None:
    honest = {name: (past, past) for name, (past, _) in views.items()}
    for name in leakage.COLUMNS:
        auc = leakage.leaks(name, data, honest, seed=0)
        assert set(auc) == {"past only", *ARMS}
        assert auc["context"] == auc["past only"]


def test_columns_hold_no_label() -> None:
    assert not any("label" in path or path == "metadata.uid" for paths in leakage.COLUMNS.values() for path in paths)


def made(seed: int) -> Measured:
    """An organization in which all that the page says is so, a little different from seed to seed."""
    rng, more = np.random.default_rng(seed), seed / 1000
    machines = ("other names", "antivirus (the twin)", "tunnel")
    looks = {"names of hosts": rng.uniform(1, 3.1, (300, 2)), **{g: rng.uniform(3, 4, (200, 2)) for g in machines}}
    raw = np.exp(np.linspace(0, 15 + more, 500))
    codes = ("query.hostname", "src_endpoint.ip", "dst_endpoint.hostname", "user.name", "api.operation")
    story = pl.DataFrame({"hours": [0, 1, 2], "count": [0, 1, 2], "inside": [False, True, False]})
    auc = {"past only": 0.8}
    return Measured(
        seed=seed,
        offices={"Oslo": Clock(np.full(24, 1 / 24), 0.6, 0.9)},
        night=Clock(np.full(24, 1 / 24), 0.5, 0.99 + more),
        collisions=[Collision(100, buckets, 0.1 + more / 100, 0.1) for buckets in encodings.BUCKETS],
        sizes=dict.fromkeys(encodings.SIZES, (raw, np.log(raw))),
        vocabularies={code: Vocabulary(9, np.array([0.9, 0.8 + more if code == codes[0] else 0])) for code in codes}
        | dict.fromkeys(("src_endpoint.ip:subnet", "process.cmd_line"), Vocabulary(9, np.array([0.1, 0.1]))),
        looks=looks,
        guessing=0.9 + more,
        scanning=0.5 + more,
        stories=[story, story],
        foresight={kind: Foresight(0.6, 0.7, 0.3 + more, 0.9) for kind in FORESIGHT},
        leaks={"dns_activity": auc | {"scaling": 0.8 - more, "vocabulary": 0.8 + more, "context": 0.85 + more}},
    )


ORGANIZATIONS = [made(seed) for seed in range(3)]


def test_figures_draw_what_was_measured() -> None:
    first = ORGANIZATIONS[0]
    for drawing in (
        figures.clock(first.offices),
        figures.skews(first.sizes),
        figures.names(first.looks),
        figures.stories(*first.stories),
        *(draw(ORGANIZATIONS) for draw in (figures.unknown_values, figures.hashing, figures.foresight, figures.gains)),
    ):
        assert drawing.alt in drawing.svg()
    assert "| `query.hostname` | 9 | 90.0% | 80.0% |" in figures.vocabularies(first.vocabularies).data


def test_what_the_page_says_holds_for_good_numbers() -> None:
    claims.on_encodings(ORGANIZATIONS)


@pytest.mark.parametrize(
    ("claim", "spoil"),
    [
        ("circle", lambda m: {"night": replace(m.night, line=0.995)}),
        ("collisions", lambda m: {"collisions": [replace(c, expected=0.11) for c in m.collisions]}),
        ("skew", lambda m: {"sizes": {s: (np.sqrt(np.log(1 + raw)), coded) for s, (raw, coded) in m.sizes.items()}}),
        ("unknown", lambda m: {"vocabularies": m.vocabularies | {"user.name": Vocabulary(9, np.array([0.5, 0.1]))}}),
        ("entropy-words", lambda m: {"looks": m.looks | {"names of hosts": m.looks["other names"][::2]}}),
        ("entropy-tunnels", lambda m: {"looks": m.looks | {"tunnel": m.looks["tunnel"] + 0.5}}),
        ("history", lambda m: {"guessing": m.guessing - 0.2}),
        ("foresight", lambda m: {"foresight": {k: replace(f, first_whole=0.3) for k, f in m.foresight.items()}}),
        ("leak-vocabulary", lambda m: {"leaks": {k: a | {"vocabulary": a["context"]} for k, a in m.leaks.items()}}),
    ],
)
def test_a_claim_that_fails_stops_the_page(claim: str, spoil: Callable[[Measured], dict[str, Any]]) -> None:
    with pytest.raises(ClaimError, match=f"encoding-{claim}'"):
        claims.on_encodings([replace(measured, **spoil(measured)) for measured in ORGANIZATIONS])
