"""The ledger: a claim names its source, the value measured here and its rule; one that does not hold stops the page.

Told in `book/appendix/claims.md`. A page's claims stand in the `claims` module of its folder.
"""

import ast
import html
import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from types import FrameType
from typing import Any

import executing
import numpy as np
from IPython.display import display
from myst_nb import glue

from residual_book.stats import Interval

KEY = "residual_claim"  # of the claim in its output's metadata, where a notebook keeps it


VERDICTS = {
    "confirmed": "The source measured or said this, and it holds here.",
    "scoped": "The source is right within limits that the sentence names.",
    "extended": "The source stands; the sentence is about something that it did not measure.",
    "corrected": "A part of the source is wrong, and the sentence has it right.",
    "refuted": "The source is wrong.",
    "no verdict": "The source defines or names what is measured, and does not say how it comes out.",
    "not testable here": "No measurement on this scale can tell.",
}
_outcomes: "list[Outcome] | None" = None  # where `judging` collects them


class ClaimError(AssertionError):
    """A claim of the book that the measurement does not bear out."""


@dataclass(frozen=True)
class Verdict:
    """What the measurement makes of a source.

    Attributes:
        name: one of `VERDICTS`.
        source: key in `references.bib` of the work that says it.
        where: section, table or figure in the source.
        says: what the source says, in the book's own words.
    """

    name: str
    source: str
    where: str
    says: str


def confirmed(source: str, where: str, says: str) -> Verdict:
    """The source is right."""
    return Verdict("confirmed", source, where, says)


def corrected(source: str, where: str, says: str) -> Verdict:
    """The source is wrong in a part that can be put right."""
    return Verdict("corrected", source, where, says)


def refuted(source: str, where: str, says: str) -> Verdict:
    """The source is wrong."""
    return Verdict("refuted", source, where, says)


def scoped(source: str, where: str, says: str) -> Verdict:
    """The source is right within limits that it does not name, or names in passing; the statement names them."""
    return Verdict("scoped", source, where, says)


def extended(source: str, where: str, says: str) -> Verdict:
    """The source stands; the statement is about something that it did not measure."""
    return Verdict("extended", source, where, says)


def no_verdict(source: str, where: str, says: str) -> Verdict:
    """The source defines or names what is measured here, and says nothing about how the measurement comes out."""
    return Verdict("no verdict", source, where, says)


def not_testable(source: str, where: str, says: str) -> Verdict:
    """No measurement on this scale can tell."""
    return Verdict("not testable here", source, where, says)


@dataclass(frozen=True)
class Claim:
    """One sentence of the book that compares or states a figure, with what stands behind it."""

    id: str
    statement: str
    rule: str
    value: float
    low: float | None
    high: float | None
    unit: str
    seeds: tuple[int, ...]
    source: str
    where: str
    says: str
    verdict: str
    recorded: str = ""

    @property
    def measured(self) -> str:
        """The value with its interval and its unit, for readers."""
        return measurement(self.value, self.low, self.high, self.unit)

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        seeds = f", {len(self.seeds)} seed{'s' if len(self.seeds) > 1 else ''}" if self.seeds else ""
        text = f"{self.statement} Measured: {self.measured}{seeds}."
        shown = {
            "text/plain": f"Claim {self.id} holds. {text}",
            "text/html": (
                f'<div class="claim" id="claim-{self.id}">'
                f"<p><strong>Claim holds.</strong> {html.escape(text)}</p></div>"
            ),
        }
        return shown, {KEY: asdict(self)}


@dataclass(frozen=True)
class Outcome:
    """A claim measured again, and whether its rule held."""

    claim: Claim
    held: bool


@contextmanager
def judging() -> Iterator[list[Outcome]]:
    """Collect what `check` finds instead of showing it or stopping, and glue nothing: for claims measured again."""
    global _outcomes
    before, _outcomes = _outcomes, []
    try:
        yield _outcomes
    finally:
        _outcomes = before


def check(
    id: str,
    *,
    holds: bool,
    value: float | Interval,
    statement: str,
    verdict: Verdict,
    unit: str = "",
    seeds: Sequence[int] = (),
    recorded: str = "",
) -> Claim:
    """Register a claim of the page that runs; stop the page where it does not hold.

    The ledger prints the rule beside the statement. It is the expression that the caller wrote for `holds`.

    Args:
        id: lower-case words joined by hyphens, used once in the whole book.
        holds: the rule, evaluated.
        value: what was measured; an `Interval` is shown with its ends.
        statement: the claim, as the page's sentence has it.
        verdict: what the measurement makes of the source.
        unit: of `value`.
        seeds: the seeds measured with; none for an identity that holds for any.
        recorded: name of the file in `results/` that the value comes from, where the page does not measure it. Any
            other claim that has seeds is measured again on fresh ones: see `residual_book.replication`.

    Raises:
        ClaimError: when `holds` is false; names id, statement and value.
        ValueError: for an id of another form, a `holds` that is no truth value, a value that is no finite number, or a
            call whose source cannot be read.
    """
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", id):
        raise ValueError(f"id must be lower-case words joined by hyphens, got {id!r}")
    if not isinstance(holds, bool | np.bool_):  # an array, or a forgotten comparison, says nothing
        raise ValueError(f"holds must be True or False, got {holds!r}")
    ends = (value.low, value.high) if isinstance(value, Interval) else (None, None)
    low, high = (None if end is None else float(end) for end in ends)
    estimate = float(value.estimate if isinstance(value, Interval) else value)
    if not all(x is None or math.isfinite(x) for x in (estimate, low, high)):
        raise ValueError(f"value must be finite, got {value!r}")
    claim = Claim(
        id=id,
        statement=statement,
        rule=_rule(sys._getframe(1)),
        value=estimate,
        low=low,
        high=high,
        unit=unit,
        seeds=tuple(map(int, seeds)),
        source=verdict.source,
        where=verdict.where,
        says=verdict.says,
        verdict=verdict.name,
        recorded=recorded,
    )
    if _outcomes is not None:
        _outcomes.append(Outcome(claim, bool(holds)))
        return claim
    if not holds:
        raise ClaimError(f"claim {id!r} does not hold: {statement} Measured: {claim.measured}")
    display(claim)
    return claim


def _rule(caller: FrameType) -> str:
    """The code of the argument `holds` in the call that `caller` is making."""
    call = executing.Source.executing(caller).node
    words = call.keywords if isinstance(call, ast.Call) else []
    rule = next((word.value for word in words if word.arg == "holds"), None)
    if rule is None:
        raise ValueError("check must be called where its source can be read, with the rule as `holds=...`")
    return ast.unparse(rule)


def glue_all(**numbers: object) -> None:
    """Keep `numbers` by name for the prose of the page that runs, which shows them by `glue:text`.

    An `Interval` is kept as its estimate, and its ends by its name with `_low` and `_high` behind.
    """
    for name, value in numbers.items():
        if isinstance(value, Interval):
            glue_all(**{name: value.estimate, f"{name}_low": value.low, f"{name}_high": value.high})
        elif _outcomes is None:
            glue(name, value, display=False)


_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float) -> str:
    """`value` for readers: three significant digits, or a whole number as it is; powers of ten where it is long."""
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    mantissa, exponent = f"{value:.2e}".split("e")
    power = int(exponent)
    if _is_long(power):
        return f"{mantissa.rstrip('0').rstrip('.')}×10{str(power).translate(_SUPERSCRIPT)}"
    return f"{float(f'{value:.3g}'):,.{max(0, 2 - power)}f}"


def _is_long(power: int) -> bool:
    """Whether a number of this power of ten is written with it."""
    return power >= 6 or power < -3


def measurement(value: float, low: float | None, high: float | None, unit: str) -> str:
    """A value for readers, with its 95% interval where it has one, and its unit; a unit's "%" stands at the value."""
    percent, rest = ("%", unit[1:]) if unit.startswith("%") else ("", f" {unit}")
    if low is None or high is None:
        return f"{number(value)}{percent}{rest}".strip()
    shown, lower, upper = _alike(value, low, high)
    return f"{shown}{percent} ({lower} to {upper}){rest}".strip()


def _alike(*numbers: float) -> list[str]:
    """Numbers that are compared, all to the same decimal and with the same power of ten.

    The largest has three significant digits, or four where they lie within a fiftieth of it.
    """
    width, largest = max(numbers) - min(numbers), max(map(abs, numbers))
    if width == 0 or (largest < 1e6 and all(x == int(x) for x in numbers)):
        return [number(x) for x in numbers]
    power = int(f"{largest:.2e}".split("e")[1])
    scale = power if _is_long(power) else 0
    decimals = (3 if width < largest / 50 else 2) + scale - power
    texts = [f"{round(x / 10.0**scale, max(decimals, -1)) + 0.0:,.{max(decimals, 0)}f}" for x in numbers]
    times = f"×10{str(scale).translate(_SUPERSCRIPT)}" if scale else ""
    return ["0" if x == 0 else text + times for x, text in zip(numbers, texts, strict=True)]
