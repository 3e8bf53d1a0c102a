"""What the page shows of the organization is what is in its tables."""

from functools import cache

import numpy as np
import polars as pl
import pytest

from residual.experiments.guard_data import Tables, tables
from residual.experiments.organization import PERSON, by_hour, calls, persons_day
from residual.ocsf.simulate import simulation


@cache
def found() -> Tables:
    return tables(simulation(users=12, days=2, seed=0, episodes=200.0))


def test_every_event_is_in_its_hour() -> None:
    hourly = by_hour(found(), days=2)
    for name, events in hourly.items():
        assert events.shape == (48,)
        assert events.sum() == found()[name].height
    assert sum(by_hour(found(), days=1)["dns_activity"]) == sum(hourly["dns_activity"][:24])


def test_a_persons_day_is_theirs() -> None:
    seen = persons_day(found(), "exfiltration")
    assert seen.events.keys() == seen.injected.keys() == PERSON.keys()
    assert sum(map(len, seen.injected.values())) > 0
    for name, hours in seen.events.items():
        assert 0 <= hours.min() <= hours.max() < 24
        assert set(seen.injected[name]) <= set(hours)
        assert len(hours) <= found()[name].filter(pl.col(PERSON[name]) == seen.person).height


def test_an_unknown_type_strikes_nobody() -> None:
    with pytest.raises(ValueError, match=r"kind must strike a person .* got 'spying'"):
        persons_day(found(), "spying")


def test_calls_of_beacons_and_of_updaters() -> None:
    beacons, updaters = (calls(found(), "beacon", twin=twin) for twin in (False, True))
    assert all(one.machine.max() == 0 for one in beacons)
    assert all(one.machine.max() >= 1 for one in updaters)
    for one in beacons + updaters:
        assert one.hours[0] == 0
        assert (np.diff(one.hours) >= 0).all()
        assert 0 <= one.rank.min() <= one.rank.max() <= 1
    with pytest.raises(ValueError, match="connections, got 'spying'"):
        calls(found(), "spying", twin=False)
