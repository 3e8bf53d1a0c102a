"""An alert in plain words: its title, its numbers, and how seldom something as odd is expected."""

import re

from residual.detect.alert import Alert, Entity, Signal
from residual.ocsf.text import cut

_DETECTOR = re.compile(r"(?P<what>.+?) of an? .+ in (?P<length>\d+ \w+)")
_DAYS_PER_MONTH, _DAYS_PER_YEAR = 30.4, 365.25


def title(alert: Alert) -> str:
    """What happened in one line, such as "Address 10.1.2.3: 41 failed sign-ins in 1 h, 2.1 expected"."""
    signal = alert.signals[0]
    whom = " and ".join(named(entity) for entity in signal.entities)
    return f"{whom[:1].upper()}{whom[1:]}: {measured(signal)}, {number(signal.expected)} expected"


def measured(signal: Signal) -> str:
    """What a signal measured: "41 failed sign-ins in 1 h"; the whole name of a detector that is called otherwise."""
    if found := _DETECTOR.fullmatch(signal.detector):
        return f"{number(signal.value)} {found['what']} in {found['length']}"
    return f"{signal.detector}: {number(signal.value)}"


def named(entity: Entity) -> str:
    """The kind and the name of an entity, both cut if they are very long."""
    return f"{cut(entity.kind)} {cut(entity.value)}"


def number(value: float) -> str:
    """A number in the three figures that a reader takes in; a whole one below a million in full."""
    size = abs(value)
    for scale, name in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if size >= scale:
            return f"{value / scale:,.3g} {name}" if size < 1000 * scale else f"{value:.3g}"
    if size >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}" if size >= 10 else f"{value:.2g}" if size >= 0.001 else "nearly 0"


def often(rate: float) -> str:
    """How often something happens that is expected `rate` times per day: "3 times per day", "once in 40 days"."""
    if rate >= 1.5:
        return f"{number(rate)} times per day"
    if rate > 1 / 1.5:
        return "once per day"
    if rate * 100 * _DAYS_PER_YEAR < 1:
        return "less than once in 100 years"
    days = 1 / rate
    if days < 2 * _DAYS_PER_MONTH:
        return f"once in {days:.0f} days"
    if days < 2 * _DAYS_PER_YEAR:
        return f"once in {days / _DAYS_PER_MONTH:.0f} months"
    return f"once in {days / _DAYS_PER_YEAR:.0f} years"
