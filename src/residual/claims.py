"""The ledger: a claim names its source, the value measured here and whether it holds; one that does not stops the page.

Told in `book/appendix/claims.md`.
"""

import html
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from IPython.display import display

KEY = "residual_claim"  # of the claim in its output's metadata, where a notebook keeps it
VERDICTS = {
    "confirmed": "the source is right",
    "corrected": "the source is right once put more exactly",
    "refuted": "the source is wrong",
    "not testable here": "no measurement on this scale can tell",
}


@runtime_checkable
class HasInterval(Protocol):
    """A measured value with its interval, as `residual.experiments.stats` makes them."""

    @property
    def estimate(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


class ClaimError(AssertionError):
    """A claim of the book that the measurement does not bear out."""


@dataclass(frozen=True)
class Claim:
    """One sentence of the book that compares or states a figure, with what stands behind it."""

    id: str
    statement: str
    value: float
    low: float | None
    high: float | None
    unit: str
    seeds: tuple[int, ...]
    source: str
    where: str
    says: str
    verdict: str

    @property
    def measured(self) -> str:
        """The value with its unit and, where it has one, its 95 % interval."""
        text = number(self.value)
        if self.low is not None and self.high is not None:
            text += f" ({number(self.low)} to {number(self.high)})"
        return f"{text} {self.unit}".strip()

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        seeds = f", {len(self.seeds)} seeds" if self.seeds else ""
        text = f"{self.statement} Measured: {self.measured}{seeds}."
        shown = {
            "text/plain": f"Claim {self.id} holds. {text}",
            "text/html": (
                f'<div class="claim" id="claim-{self.id}">'
                f"<p><strong>Claim holds.</strong> {html.escape(text)}</p></div>"
            ),
        }
        return shown, {KEY: asdict(self)}


def check(
    id: str,
    statement: str,
    *,
    holds: bool,
    value: float | HasInterval,
    source: str,
    where: str,
    says: str,
    verdict: str,
    unit: str = "",
    seeds: Sequence[int] = (),
) -> Claim:
    """Register a claim of the page that runs; stop the page where it does not hold.

    Args:
        id: lower-case words joined by hyphens, used once in the whole book.
        statement: the claim, as the page's sentence has it.
        holds: the rule, evaluated.
        value: what was measured; with `estimate`, `low` and `high` its 95 % interval is shown too.
        source: key in `references.bib` of the work that says it.
        where: section, table or figure in the source.
        says: what the source says, in the book's own words.
        verdict: what the measurement makes of the source, one of `VERDICTS`.
        unit: of `value`.
        seeds: the seeds measured with; none for an identity that holds for any.

    Raises:
        ClaimError: when `holds` is false; names id, statement and value.
        ValueError: for an id of another form, an unknown verdict, a `holds` that is no truth value, or a value that is
            no finite number.
    """
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", id):
        raise ValueError(f"id must be lower-case words joined by hyphens, got {id!r}")
    if verdict not in VERDICTS:
        raise ValueError(f"verdict must be one of {', '.join(map(repr, VERDICTS))}, got {verdict!r}")
    if not isinstance(holds, bool | np.bool_):  # an array, or a forgotten comparison, says nothing
        raise ValueError(f"holds must be True or False, got {holds!r}")
    low: float | None = None
    high: float | None = None
    if isinstance(value, HasInterval):
        estimate, low, high = float(value.estimate), float(value.low), float(value.high)
    else:
        estimate = float(value)
    if not all(x is None or math.isfinite(x) for x in (estimate, low, high)):
        raise ValueError(f"value must be finite, got {value!r}")
    claim = Claim(
        id=id,
        statement=statement,
        value=estimate,
        low=low,
        high=high,
        unit=unit,
        seeds=tuple(map(int, seeds)),
        source=source,
        where=where,
        says=says,
        verdict=verdict,
    )
    if not holds:
        raise ClaimError(f"claim {id!r} does not hold: {statement} Measured: {claim.measured}")
    display(claim)
    return claim


_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float) -> str:
    """`value` for readers: three significant digits, or a whole number as it is; powers of ten where it is long."""
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}"
    mantissa, exponent = f"{value:.2e}".split("e")
    power = int(exponent)
    if power >= 6 or power < -3:
        return f"{mantissa.rstrip('0').rstrip('.')}×10{str(power).translate(_SUPERSCRIPT)}"
    return f"{float(f'{value:.3g}'):,.{max(0, 2 - power)}f}"
