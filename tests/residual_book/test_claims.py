"""A claim that holds shows itself; one that does not stops the page; one that says nothing is refused."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from residual_book import claims
from residual_book.claims import (
    Claim,
    ClaimError,
    Verdict,
    confirmed,
    corrected,
    extended,
    judging,
    measurement,
    no_verdict,
    not_testable,
    number,
    refuted,
    scoped,
)
from residual_book.stats import Interval, mean_interval


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Claim]:
    """The claims that were displayed."""
    displayed: list[Claim] = []
    monkeypatch.setattr(claims, "display", displayed.append)
    return displayed


def check(*, holds: Any = True, **changes: Any) -> Claim:
    arguments: dict[str, Any] = {
        "id": "two-is-more",
        "statement": "Two is more than one.",
        "value": 2.0,
        "verdict": confirmed("he2015", "section 1", "the same"),
    }
    return claims.check(holds=holds, **(arguments | changes))


def test_a_claim_that_holds_is_displayed_once_and_kept_whole(shown: list[Claim]) -> None:
    value = mean_interval([1.0, 2.0, 3.0])
    claim = check(value=value, unit="points", seeds=range(3))
    assert shown == [claim]
    data, metadata = claim._repr_mimebundle_()
    assert Claim(**metadata[claims.KEY]) == claim
    assert (claim.value, claim.low, claim.high, claim.seeds) == (2.0, value.low, value.high, (0, 1, 2))
    said = "Two is more than one. Measured: 2.00 (-0.48 to 4.48) points, 3 seeds."
    assert data["text/plain"] == f"Claim two-is-more holds. {said}"
    soup = BeautifulSoup(data["text/html"], "html.parser")
    box = soup.find(id="claim-two-is-more")
    assert box is not None
    assert box.get_text() == f"Claim holds. {said}"


def test_an_identity_has_neither_interval_nor_seeds(shown: list[Claim]) -> None:
    claim = check(value=0.0, unit="of the norm")
    assert (claim.low, claim.high, claim.seeds) == (None, None, ())
    assert claim._repr_mimebundle_()[0]["text/plain"].endswith("Measured: 0 of the norm.")


def test_a_claim_that_does_not_hold_stops(shown: list[Claim]) -> None:
    value = Interval(1.5, 0.5, 2.5, 3)
    with pytest.raises(ClaimError) as error:
        check(holds=False, value=value, unit="points")
    text = "claim 'two-is-more' does not hold: Two is more than one. Measured: 1.50 (0.50 to 2.50) points"
    assert str(error.value) == text
    assert isinstance(error.value, AssertionError)
    assert shown == []


@pytest.mark.parametrize("holds", [True, np.bool_(True), np.float64(2) > 1, np.ones(3).all()])
def test_what_holds(shown: list[Claim], holds: Any) -> None:
    check(holds=holds)
    assert len(shown) == 1


@pytest.mark.parametrize("holds", [False, np.bool_(False), np.float64(1) > 2])
def test_what_does_not_hold(shown: list[Claim], holds: Any) -> None:
    with pytest.raises(ClaimError):
        check(holds=holds)


@pytest.mark.parametrize("holds", [None, 1, 0, 0.5, "yes", [], [True], np.array([True]), np.array([True, False])])
def test_a_rule_that_is_no_truth_value_is_refused(shown: list[Claim], holds: Any) -> None:
    with pytest.raises(ValueError, match="holds must be True or False, got"):
        check(holds=holds)
    assert shown == []


@pytest.mark.parametrize("id", ["a", "a-b", "degradation-gap-56", "56"])
def test_ids(shown: list[Claim], id: str) -> None:
    assert check(id=id).id == id


@pytest.mark.parametrize("id", ["", "A-b", "a_b", "a b", "a--b", "-a", "a-", "a.b", "ä", "a\n", '"><b>'])
def test_other_ids_are_refused(shown: list[Claim], id: str) -> None:
    with pytest.raises(ValueError, match="id must be lower-case words joined by hyphens"):
        check(id=id)


@pytest.mark.parametrize(
    ("verdict", "name"),
    [
        (confirmed, "confirmed"),
        (corrected, "corrected"),
        (refuted, "refuted"),
        (scoped, "scoped"),
        (extended, "extended"),
        (no_verdict, "no verdict"),
        (not_testable, "not testable here"),
    ],
)
def test_a_verdict_names_its_passage(shown: list[Claim], verdict: Callable[..., Verdict], name: str) -> None:
    claim = check(verdict=verdict("he2015", "section 2", "more"))
    assert (claim.verdict, claim.source, claim.where, claim.says) == (name, "he2015", "section 2", "more")


def test_the_rule_is_the_code_of_the_argument(shown: list[Claim]) -> None:
    gap = mean_interval([2.0, 2.5])
    verdict = confirmed("he2015", "section 1", "the same")
    bound = partial(claims.check, value=gap, verdict=verdict)
    one_line = bound("a", holds=gap.low > 0 - 2, statement="More.") if gap.n else None
    assert one_line is not None
    assert one_line.rule == "gap.low > 0 - 2"
    rules = [
        claims.check("b", holds=max(gap.low, 1) < limit, value=1, statement="-", verdict=verdict).rule for limit in (9,)
    ]
    assert rules == ["max(gap.low, 1) < limit"]


def test_a_rule_whose_code_cannot_be_read_is_refused(shown: list[Claim]) -> None:
    arguments: dict[str, Any] = {"holds": True, "value": 1, "statement": "-", "verdict": confirmed("he2015", "1", "-")}
    with pytest.raises(ValueError, match="holds"):
        claims.check("a", **arguments)
    with pytest.raises(ValueError, match="holds"):
        exec(
            "claims.check('a', holds=True, value=1, statement='-', verdict=verdict)",
            {"claims": claims, "verdict": None},
        )


def test_an_interval_is_glued_with_its_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    glued: dict[str, Any] = {}
    monkeypatch.setattr(claims, "glue", lambda name, value, display: glued.update({name: value}))
    interval = mean_interval([1.0, 2.0, 3.0])
    claims.glue_all(text="twenty", number=20, gap=interval)
    assert glued == {
        "text": "twenty", "number": 20, "gap": 2.0, "gap_low": interval.low, "gap_high": interval.high,
    }  # fmt: skip


@pytest.mark.parametrize("value", [3, 3.0, np.float32(3), np.int64(3), torch.tensor(3.0)])
def test_values_are_plain_numbers(shown: list[Claim], value: Any) -> None:
    claim = check(value=value, seeds=np.arange(2))
    assert (type(claim.value), claim.value) == (float, 3.0)
    assert [type(seed) for seed in claim.seeds] == [int, int]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, Interval(1.0, -math.inf, 2.0, 3)])
def test_a_value_that_is_not_finite_is_refused(shown: list[Claim], value: Any) -> None:
    with pytest.raises(ValueError, match="value must be finite"):
        check(value=value)


def test_what_a_claim_says_is_text_and_no_html(shown: list[Claim]) -> None:
    statement = "For a < b, <script>\"x\"</script> & 'y'."
    page = check(statement=statement, unit="<i>")._repr_mimebundle_()[0]["text/html"]
    soup = BeautifulSoup(page, "html.parser")
    assert soup.get_text() == f"Claim holds. {statement} Measured: 2 <i>."
    assert [tag.name for tag in soup.find_all(True)] == ["div", "p", "strong"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-0.0, "0"),
        (1, "1"),
        (-42, "-42"),
        (56.0, "56"),
        (1437, "1,437"),
        (123456, "123,456"),
        (999999, "999,999"),
        (0.001, "0.00100"),
        (0.0123456, "0.0123"),
        (0.5, "0.500"),
        (-0.5, "-0.500"),
        (1.5, "1.50"),
        (9.999, "10.0"),
        (12.34, "12.3"),
        (99.96, "100"),
        (123.4, "123"),
        (999.9, "1,000"),
        (1234.5, "1,230"),
        (123456.7, "123,000"),
        (11_689_512, "11,689,512"),
        (1_000_000_000, "1×10⁹"),
        (999_999.9, "1×10⁶"),
        (1_234_567.8, "1.23×10⁶"),
        (-2.5e17, "-2.5×10¹⁷"),
        (0.0009999, "0.00100"),
        (0.000999, "9.99×10⁻⁴"),
        (6.1e-15, "6.1×10⁻¹⁵"),
    ],
)
def test_numbers_for_readers(value: float, text: str) -> None:
    assert number(value) == text


@given(st.floats(min_value=-1e300, max_value=1e300, allow_subnormal=False))
def test_a_shown_number_is_within_half_a_percent(value: float) -> None:
    text = number(value).replace(",", "").translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")).replace("×10", "e")
    assert float(text) == pytest.approx(value, rel=0.005001, abs=0)


@pytest.mark.parametrize(
    ("value", "low", "high", "unit", "text"),
    [
        (12.2477, None, None, "%, in the worst seed", "12.2%, in the worst seed"),
        (58.554, None, None, "% of the parameters", "58.6% of the parameters"),
        (74.09, 61.95, 86.23, "%", "74.1% (62.0 to 86.2)"),
        (0.5681, 0.3381, 0.7981, "% per layer", "0.568% (0.338 to 0.798) per layer"),
        (0.9444, 0.4211, 1.4678, "points", "0.94 (0.42 to 1.47) points"),
        (0.0, -0.42, 0.42, "points", "0 (-0.420 to 0.420) points"),
        (-0.0426, -0.0851, -0.0000866, "correlation", "-0.0426 (-0.0851 to -0.0001) correlation"),
        (-0.01, -0.5, 0.0000001, "", "-0.010 (-0.500 to 0.000)"),
        (0.01, -0.0000001, 0.5, "", "0.010 (0.000 to 0.500)"),
        (1.2094, 1.2071, 1.2113, "per layer", "1.209 (1.207 to 1.211) per layer"),
        (3390.2, 961.0, 11962.0, "times", "3,390 (960 to 11,960) times"),
        (1.03e8, 0.651e8, 1.47e8, "times", "1.03×10⁸ (0.65×10⁸ to 1.47×10⁸) times"),
        (-8.74e-5, -5.32e-4, 3.57e-4, "AUC", "-0.87×10⁻⁴ (-5.32×10⁻⁴ to 3.57×10⁻⁴) AUC"),
        (4, 4, 4, "is the layer", "4 (4 to 4) is the layer"),
        (3, 2, 5, "runs", "3 (2 to 5) runs"),
    ],
)
def test_a_value_and_its_ends_are_written_alike(
    value: float, low: float | None, high: float | None, unit: str, text: str
) -> None:
    assert measurement(value, low, high, unit) == text


@pytest.mark.parametrize(("seeds", "said"), [((), "points."), ((3,), "points, 1 seed."), ((3, 4), "points, 2 seeds.")])
def test_seeds_are_counted_in_english(shown: list[Claim], seeds: tuple[int, ...], said: str) -> None:
    assert check(unit="points", seeds=seeds)._repr_mimebundle_()[0]["text/plain"].endswith(f"Measured: 2 {said}")


def test_claims_measured_again_are_collected_and_stop_nothing(shown: list[Claim]) -> None:
    with judging() as outcomes:
        check(id="holds-again")
        check(id="fails-now", holds=False)
    assert [(outcome.claim.id, outcome.held) for outcome in outcomes] == [("holds-again", True), ("fails-now", False)]
    assert shown == []
    with pytest.raises(ClaimError):
        check(id="fails-now", holds=False)
