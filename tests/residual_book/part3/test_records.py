"""OCSF records: what a simulated day fills, and who notices a planted mistake."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from residual.ocsf.intake import Summary
from residual.ocsf.schema import CLASSES, class_features
from residual_book.claims import ClaimError
from residual_book.part3.records import claims, defects, figures
from residual_book.part3.records.defects import Noticed
from residual_book.part3.records.sparsity import Filling, filling


@pytest.fixture(scope="module")
def noticed() -> dict[str, Noticed]:
    return defects.notice(defects.valid_events(5, 2), seed=5)


def made_filling(seed: int, *, filled: int = 1) -> Filling:
    """A day on which each event but one fills `filled` of ten columns."""
    columns = tuple("abcdefghij")
    shares = {name: (np.arange(10) < filled).astype(float) for name in CLASSES.values()}
    return Filling(seed, columns, shares, {name: np.array([filled] * 9 + [filled + seed]) for name in CLASSES.values()})


def test_a_filling_adds_up() -> None:
    day = filling(3, users=12)
    assert day.shares.keys() == day.leaves.keys() <= set(CLASSES.values())
    for name, leaves in day.leaves.items():
        assert np.isclose(day.shares[name].sum(), leaves.mean())  # both count the filled cells of a class
    filled = sum(leaves.sum() for leaves in day.leaves.values())
    assert np.isclose(day.empty, 1 - filled / (len(day.every_leaf) * len(day.columns)))
    spread = np.sum(list(day.shares.values()), axis=0)
    assert (np.diff(spread) <= 1e-12).all()
    assert spread.min() > 0
    assert day.columns[0] in class_features(3002)


def test_every_mistake_is_judged(noticed: dict[str, Noticed]) -> None:
    assert list(noticed) == list(defects.DEFECTS)
    assert all(0 <= shares.schema <= shares.all_checks <= 1 for shares in noticed.values())


@pytest.mark.parametrize(
    ("defect", "schema", "all_checks"),
    [
        ("no time", 1, 1),
        ("another id's caption", 0, 1),
        ("seconds for milliseconds", 0, 1),
        ("type_uid of another activity", 0, 1),
        ("hours off", 0, 0),
    ],
)
def test_who_notices(noticed: dict[str, Noticed], defect: str, schema: float, all_checks: float) -> None:
    assert noticed[defect] == Noticed(schema, all_checks)


def test_mistakes_are_planted_in_valid_events_only() -> None:
    ((name, event), *_) = defects.valid_events(0, 1)
    del event["time"]
    with pytest.raises(ValueError, match=rf"events must be valid .* \$\.time.* {name}"):
        defects.notice([(name, event)], seed=0)


def test_figures_draw_and_say_what_they_show() -> None:
    day = made_filling(0)
    assert all(drawing(day).alt in drawing(day).svg() for drawing in (figures.offered, figures.fill_map))


def test_the_table_tells_never_from_sometimes() -> None:
    shares = {"seen": [Noticed(0, 1), Noticed(0, 1)], "half": [Noticed(0.25, 0.5), Noticed(0.5, 0.5)]}
    text = figures.who_notices(shares).data
    assert "| seen | never | always |" in text
    assert "| half | 25% to 50% | 50% to 50% |" in text


def test_claims_hold_for_what_the_checks_notice(noticed: dict[str, Noticed]) -> None:
    fillings = [made_filling(seed) for seed in range(3)]
    seeds = {defect: [shares] * 3 for defect, shares in noticed.items()}
    claims.on_events(fillings, seeds)
    with pytest.raises(ClaimError, match="ocsf-sparse"):
        claims.on_events([made_filling(seed, filled=4) for seed in range(3)], seeds)
    late = replace(noticed["seconds for milliseconds"], all_checks=0.9)
    with pytest.raises(ClaimError, match="ocsf-three-rules"):
        claims.on_events(fillings, {**seeds, "seconds for milliseconds": [late] * 3})
    with pytest.raises(ClaimError, match="ocsf-untrue"):
        claims.on_events(fillings, {defect: shares for defect, shares in seeds.items() if defect != "hours off"})


def test_a_lost_line_stops_the_page() -> None:
    summary = Summary(rows_in=204, rows_out=200, quarantined=Counter(twice=1, broken=3))
    claims.on_a_dirty_file(summary, lines=204, rows=200)
    for lines, rows in ((205, 200), (204, 199)):
        with pytest.raises(ClaimError, match="ocsf-nothing-lost"):
            claims.on_a_dirty_file(summary, lines=lines, rows=rows)
