"""Context of the past, and with foresight."""

import numpy as np
import polars as pl
import pytest

from residual.experiments.histories import against_twin, context, foreseen, story

HOUR = 3_600_000


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    rows = 400
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


def test_the_past_is_the_same_without_the_future(table: pl.DataFrame) -> None:
    assert context("authentication", table)[:150].equals(context("authentication", table[:150]))


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


def test_foresight_changes_with_the_future(table: pl.DataFrame) -> None:
    assert not foreseen("authentication", table)[:150].equals(foreseen("authentication", table[:150]))


def test_a_story_is_of_one_entity(table: pl.DataFrame) -> None:
    feature = "context.user.count_1h"
    told = story("authentication", table, type="brute_force", twin=False, key="user.name", feature=feature, about=2)
    assert told.inside.sum() > 0
    assert told.hours.min() >= -2
    assert (np.diff(told.hours) > 0).all()
    assert told.values.max() <= context("authentication", table)[feature].max()
    with pytest.raises(ValueError, match="type must be that of an episode in the table, got 'scan' with twin=True"):
        story("authentication", table, type="scan", twin=True, key="user.name", feature=feature, about=2)


def test_against_twin_is_an_auc(table: pl.DataFrame) -> None:
    flipped = table.with_columns(pl.col("label.attack").not_())
    feature = "context.user.count"
    auc = against_twin("authentication", table, type="brute_force", feature=feature)
    assert 0 <= auc <= 1
    assert auc == pytest.approx(1 - against_twin("authentication", flipped, type="brute_force", feature=feature))
