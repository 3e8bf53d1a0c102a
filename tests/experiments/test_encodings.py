"""What the encodings do to a simulated organization adds up."""

import numpy as np
import pytest

from residual.experiments import encodings
from residual.experiments.guard_data import Tables
from residual.tabular.hashing import collision_rate


@pytest.fixture(scope="module")
def data() -> Tables:
    return encodings.organization(5, users=12, days=6, episodes=100.0)


def test_clocks_share_out_the_day(data: Tables) -> None:
    clocks = encodings.clocks(data)
    assert [c.office for c in clocks] == sorted({c.office for c in clocks})
    for clock in clocks:
        assert np.isclose(clock.hours.sum(), 1)
        assert clock.hours.shape == (24,)
    line, circle = encodings.night(data)
    assert circle > 0.999  # night is one arc, and an arc is cut off by one straight line
    assert line < circle


def test_collisions_are_near_the_formula(data: Tables) -> None:
    for found in encodings.collisions(data):
        assert found.expected == collision_rate(found.distinct, found.buckets)
        deviation = np.sqrt(2 * found.expected * (1 - found.expected) / found.distinct)  # values come in pairs
        assert abs(found.measured - found.expected) < 5 * deviation + 2 / found.distinct


def test_sizes_keep_their_order_and_lose_their_skew(data: Tables) -> None:
    for size in encodings.sizes(data):
        order = np.argsort(size.raw, kind="stable")
        assert (np.diff(size.encoded[order]) >= 0).all()
        assert abs(size.skewness[1]) < abs(size.skewness[0])
        assert 0 < size.crowded[0] < size.crowded[1] <= 1


def test_a_longer_past_knows_no_less(data: Tables) -> None:
    found = {v.code: v for v in encodings.vocabularies(data)}
    assert set(found) == {code for codes in encodings.CODES.values() for code in codes}
    for vocabulary in found.values():
        assert len(vocabulary.unknown) == 6 - encodings.LAST
        assert (np.diff(vocabulary.unknown) <= 0).all()
        assert 0 <= vocabulary.null < 1
    names = data["dns_activity"]["query.hostname"].drop_nulls()
    assert found["query.hostname"].values == names.n_unique()
    late = encodings.day_of(data["dns_activity"]) >= 3
    known = set(names.filter(encodings.day_of(data["dns_activity"]) == 0))
    assert np.isclose(found["query.hostname"].unknown[0], np.mean([name not in known for name in names.filter(late)]))


def test_looks_are_bytes_and_bits(data: Tables) -> None:
    looks = encodings.looks(data)
    together = np.concatenate(list(looks.groups.values()))
    names = data["dns_activity"]["query.hostname"].unique().drop_nulls()
    assert len(together) == len(names)
    assert np.allclose(np.sort(together[:, 0]), np.sort(names.str.len_bytes().to_numpy()), atol=1e-3)
    assert (together[:, 1] <= np.log2(together[:, 0]) + 1e-5).all()  # no more bits than all bytes different
    assert looks.auc(1, "other", "host") == pytest.approx(1 - looks.auc(1, "host", "other"))
