"""A detector with one thing at a time from the future."""

import numpy as np
import pytest

from residual.experiments import leakage
from residual.experiments.encodings import day_of, organization
from residual.experiments.guard_data import Tables


@pytest.fixture(scope="module")
def data() -> Tables:
    return organization(6, users=12, days=8, episodes=80.0)


@pytest.fixture(scope="module")
def views(data: Tables) -> leakage.Contexts:
    return leakage.contexts(data)


def test_foresight_finds_beginnings(data: Tables, views: leakage.Contexts) -> None:
    found = leakage.foresight(data, views)
    assert sorted(x.type for x in found) == sorted(leakage.FORESIGHT)
    assert all(0 <= auc <= 1 for x in found for auc in (x.past, x.whole, x.first_past, x.first_whole))
    assert np.mean([x.first_whole - x.first_past for x in found]) > 0.2


def test_nothing_gains_where_there_is_no_foresight(data: Tables, views: leakage.Contexts) -> None:
    honest = {name: (past, past) for name, (past, _) in views.items()}
    for leak in leakage.leaks(data, honest, seed=0):
        assert tuple(leak.auc) == leakage.ARMS
        assert leak.gain("past only") == leak.gain("context") == 0


def test_leaks_repeat(data: Tables, views: leakage.Contexts) -> None:
    assert leakage.leaks(data, views, seed=1) == leakage.leaks(data, views, seed=1)


def test_columns_hold_no_label() -> None:
    assert not any("label" in path or path == "metadata.uid" for paths in leakage.COLUMNS.values() for path in paths)


def test_no_attack_to_test_on_is_said(data: Tables, views: leakage.Contexts) -> None:
    early = {name: table.filter(day_of(table) < leakage.TRAIN) for name, table in data.items()}
    cut = {name: (past[: len(early[name])], whole[: len(early[name])]) for name, (past, whole) in views.items()}
    with pytest.raises(ValueError, match="data must have attacks in authentication after day 5, got none"):
        leakage.leaks(early, cut, seed=0)
