"""Logs that are not OCSF: what a strange value costs."""

from collections import Counter
from dataclasses import replace

import pytest

from residual.ocsf.validate import faults
from residual_book.claims import ClaimError
from residual_book.part3.conversion import claims, figures, logs, strange
from residual_book.part3.conversion.strange import Outcome


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    return strange.outcomes()


def test_the_clean_records_are_valid_events() -> None:
    for name, (source, record) in strange.LOGS.items():
        result = logs.converted(source, [record], name.removeprefix("Zeek "))
        assert not result.quarantine
        assert faults(result.events[0]) == []


def test_each_spoiled_record_differs_in_one_field_that_has_a_place() -> None:
    record = {"a": 1, "b": {"c": 2, "d": 3}, "e": 4}
    spoiled = list(strange.spoiled(record, {"e": 4, "b": {"d": 3}}))
    assert len(spoiled) == 2 * len(strange.STRANGE)
    changed = Counter(path for other in spoiled for path in record if other[path] is not record[path])
    assert changed == {"a": len(strange.STRANGE), "b": len(strange.STRANGE)}
    assert all(other["b"]["d"] == 3 for other in spoiled)
    assert record == {"a": 1, "b": {"c": 2, "d": 3}, "e": 4}


def test_reasons_are_kept_by_record() -> None:
    record = logs.VISIT["conn"]
    result = logs.converted("zeek", [record, {**record, "ts": "soon"}, record])
    assert result.events.keys() == {0, 2}
    assert result.quarantine.keys() == {1}


def test_claims_hold_and_can_fail(outcomes: dict[str, Outcome]) -> None:
    claims.on_strange_values(outcomes)
    conn = outcomes["Zeek conn"]
    for changes, claim in (
        ({"quarantined": {"$.time: early": 100}}, "conversion-column-not-row"),
        ({"in_place": 1000}, "conversion-column-not-row"),
        ({"quarantined": {"id.orig_p: no port": 1}}, "conversion-only-the-needed"),
        ({"lost": 1}, "conversion-nothing-lost"),
        ({"unbalanced": 1}, "conversion-nothing-lost"),
    ):
        with pytest.raises(ClaimError, match=claim):
            claims.on_strange_values({**outcomes, "Zeek conn": replace(conn, **changes)})


def test_the_figure_draws_and_says_what_it_shows(outcomes: dict[str, Outcome]) -> None:
    drawing = figures.where_they_end(outcomes)
    assert drawing.alt in drawing.svg()
    for outcome in outcomes.values():  # as the alternative text says
        assert outcome.rejected < outcome.in_place < outcome.aside
