"""The detectors beside a network: the record, the comparisons, and what the page holds itself to."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from residual.simulate import TYPES
from residual.simulate.calendar import DAY, HOUR, START
from residual_book.claims import judging
from residual_book.evaluation.alerts import SCORED, ranked
from residual_book.evaluation.outcome import Outcome
from residual_book.evaluation.watched import TEST, Truth, Watched
from residual_book.part5.network import claims, experiment, figures
from residual_book.part5.network.comparisons import comparisons, of
from residual_book.part5.network.experiment import CONTEXT, DETECTORS, NETWORK
from residual_book.recording import recorded_runs
from residual_book.rivals.single_events import mixed


def outcome(rival: str, seed: int, share: float) -> Outcome:
    """An outcome with ten episodes of each type, of which a share is found."""
    kinds = tuple(kind for kind in TYPES for _ in range(10))
    rank = tuple(1 if k % 10 < 10 * share else None for k in range(len(kinds)))
    names = tuple(f"{kind}-{k}" for k, kind in enumerate(kinds))
    each = (210,) * 4
    return Outcome(rival, seed, "default", names, kinds, ("",) * len(kinds), rank, (rank,) * 4, each, each, each, each)


def as_told(**shares: float) -> list[Outcome]:
    told = {DETECTORS: 0.8, NETWORK: 0.8, CONTEXT: 0.8} | shares
    return [outcome(arm, seed, share) for arm, share in told.items() for seed in experiment.SEEDS]


@pytest.mark.parametrize(
    ("shares", "failed"),
    [
        ({}, []),
        ({NETWORK: 0.9}, ["network-detectors", "network-context"]),
        ({CONTEXT: 0.7}, ["network-context"]),
        ({DETECTORS: 0.7}, ["network-detectors"]),
    ],
)
def test_claims_hold_only_where_their_sentences_are_true(shares: dict[str, float], failed: list[str]) -> None:
    runs = as_told(**shares)
    with judging() as outcomes:
        claims.on_comparisons(comparisons(runs), runs)
    assert [outcome.claim.id for outcome in outcomes if not outcome.held] == failed


def test_every_comparison_is_one_difference() -> None:
    found = comparisons(as_told(**{NETWORK: 0.9}))
    assert len({(c.network, c.without) for c in found}) == len(found)
    for comparison in found:
        for gain in (comparison.gain, comparison.again or comparison.gain):
            assert -1 <= gain.low <= gain.estimate <= gain.high <= 1
    assert found[-1].gain.estimate == pytest.approx(0.1)
    assert figures.gains(found).alt


def test_figures_name_every_arm() -> None:
    text = figures.budgets(as_told()).data
    assert all(name in text for name in figures.NAMES.values())


def test_a_table_that_begins_with_the_test_gets_its_share_from_the_first_day() -> None:
    rng = np.random.default_rng(0)

    def table(kind: str, first: int) -> pl.DataFrame:
        end = np.repeat(START + np.arange(first, TEST.stop) * DAY + 5 * HOUR, 200)
        names = pl.Series(np.tile(np.arange(200), TEST.stop - first)).cast(pl.String)
        rows = {"begin": end - HOUR, "end": end, "score": rng.exponential(1.0, len(end))}
        none = pl.lit(None, pl.String)
        named = pl.DataFrame(rows).with_columns(kind=pl.lit(kind), value=names, other_kind=none, other_value=none)
        return named.select(SCORED.keys())

    both = ranked(mixed(table("user", TEST.start), table("machine", 7), share=0.2), 10)
    of_first = both.filter(pl.col("day") == TEST.start)
    assert of_first.filter(pl.col("kind") == "user").height in range(6, 11)
    assert (both["kind"] == "machine").mean() == pytest.approx(0.2, abs=0.08)


def test_a_recording_goes_on_where_it_was_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    watched = Watched(0, {}, Truth(pl.DataFrame(), pl.DataFrame()))
    empty = pl.DataFrame()

    def simulated(*, users: int, days: int, seed: int) -> int:
        asked.append(seed)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return seed

    monkeypatch.setattr(experiment.simulate, "simulation", simulated)
    monkeypatch.setattr(experiment, "watch", lambda *_: watched)
    monkeypatch.setattr(experiment, "sights", lambda *_: empty)
    monkeypatch.setattr(experiment, "as_scored", lambda *_: empty)
    monkeypatch.setattr(experiment, "arms", lambda *_: dict.fromkeys((DETECTORS, NETWORK, CONTEXT), lambda: empty))
    monkeypatch.setattr(experiment, "judge", lambda *_, rival, seed: outcome(rival, seed, 0.5))
    out = tmp_path / "network.json"
    with pytest.raises(KeyboardInterrupt):
        experiment.record(out, (0, 1))
    experiment.record(out, (0, 1))
    assert asked == [0, 1, 1]
    runs = recorded_runs(out, Outcome)
    assert [[run.seed for run in of(runs, arm)] for arm in (DETECTORS, NETWORK, CONTEXT)] == [[0, 1]] * 3
