"""A claim that holds shows itself; one that does not stops the page; one that says nothing is refused."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from residual import claims
from residual.claims import Claim, ClaimError, number
from residual.experiments.stats import mean_interval


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Claim]:
    """The claims that were displayed."""
    displayed: list[Claim] = []
    monkeypatch.setattr(claims, "display", displayed.append)
    return displayed


def check(**changes: Any) -> Claim:
    arguments: dict[str, Any] = {
        "id": "two-is-more",
        "statement": "Two is more than one.",
        "holds": True,
        "value": 2.0,
        "source": "he2015",
        "where": "section 1",
        "says": "the same",
        "verdict": "confirmed",
    }
    return claims.check(**(arguments | changes))


def test_a_claim_that_holds_is_displayed_once_and_kept_whole(shown: list[Claim]) -> None:
    value = mean_interval([1.0, 2.0, 3.0])
    claim = check(value=value, unit="points", seeds=range(3))
    assert shown == [claim]
    data, metadata = claim._repr_mimebundle_()
    assert Claim(**metadata[claims.KEY]) == claim
    assert (claim.value, claim.low, claim.high, claim.seeds) == (2.0, value.low, value.high, (0, 1, 2))
    said = "Two is more than one. Measured: 2 (-0.484 to 4.48) points, 3 seeds."
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
    value = SimpleNamespace(estimate=1.5, low=0.5, high=2.5)
    with pytest.raises(ClaimError) as error:
        check(holds=False, value=value, unit="points")
    text = "claim 'two-is-more' does not hold: Two is more than one. Measured: 1.50 (0.500 to 2.50) points"
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


@pytest.mark.parametrize("verdict", list(claims.VERDICTS))
def test_verdicts(shown: list[Claim], verdict: str) -> None:
    assert check(verdict=verdict).verdict == verdict


@pytest.mark.parametrize("verdict", ["", "true", "Confirmed"])
def test_other_verdicts_are_refused(shown: list[Claim], verdict: str) -> None:
    with pytest.raises(
        ValueError, match="verdict must be one of 'confirmed', 'corrected', 'refuted', 'not testable here'"
    ):
        check(verdict=verdict)


def test_a_wrong_form_is_said_even_where_the_claim_fails_too(shown: list[Claim]) -> None:
    with pytest.raises(ValueError, match="verdict"):
        check(verdict="", holds=False)


@pytest.mark.parametrize("value", [3, 3.0, np.float32(3), np.int64(3), torch.tensor(3.0)])
def test_values_are_plain_numbers(shown: list[Claim], value: Any) -> None:
    claim = check(value=value, seeds=np.arange(2))
    assert (type(claim.value), claim.value) == (float, 3.0)
    assert [type(seed) for seed in claim.seeds] == [int, int]


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, SimpleNamespace(estimate=1.0, low=-math.inf, high=2.0)]
)
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
        (1_000_000, "1×10⁶"),
        (999_999.9, "1×10⁶"),
        (1_234_567, "1.23×10⁶"),
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
