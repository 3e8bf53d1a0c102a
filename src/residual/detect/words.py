"""An alert in plain words: its title, its numbers, and how seldom something as odd is expected."""

import math
import re
from datetime import UTC, datetime, timedelta

from residual.detect.alert import Alert, FirstTime, Muted, Signal
from residual.ocsf.text import cut

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = -62_135_596_800_000, 253_402_300_799_999  # of the years 1 to 9999
_DAYS_PER_MONTH, _DAYS_PER_YEAR = 30.4, 365.25


def title(alert: Alert) -> str:
    """What happened in one line, such as "Address 10.1.2.3: 41 failed sign-ins in 1 h, 2.1 expected"."""
    return f"{subject(alert.signals[0])}: {statement(alert.signals[0])}"


def subject(signal: Signal) -> str:
    """Whom a signal is about: "Address 10.1.2.3", "Machine ws-12 and destination 10.0.0.9"."""
    names = " and ".join(f"{cut(entity.kind)} {cut(entity.value)}" for entity in signal.entities)
    return names[:1].upper() + names[1:]


def statement(signal: Signal) -> str:
    """What a signal measured, and what was expected: "41 failed sign-ins in 1 h, 2.1 expected"."""
    expected = f"{number(signal.expected)} expected"
    if signal.detail:
        times = {0: "never seen", 1: "seen once"}.get(int(signal.value), f"seen {number(signal.value)} times")
        return f"{signal.detail}: {times} before, {expected}"
    return f"{number(signal.value)} {_noun(signal)} in {number((signal.end - signal.begin) / 3_600_000)} h, {expected}"


def _noun(signal: Signal) -> str:
    """What a detector counts of an entity that is named beside it: its name without "of a user", or with "it"."""
    noun, _, rest = signal.detector.partition(" of a")
    kinds = "|".join(re.escape(entity.kind) for entity in signal.entities)
    return (
        noun if rest and noun else re.sub(rf"\ban? (?:{kinds})\b", "it", signal.detector) if kinds else signal.detector
    )


def new_for(first: FirstTime) -> str:
    """For whom a value is new."""
    names = {"entity": "new for this entity", "peers": "new for its peers too"}
    return names.get(first.whom, "new in the whole organization")


def moved(alert: Alert) -> str:
    """What earlier verdicts did to an alert: "lowered by verdicts, by a factor of 3.2: like 2 benign alerts, ..."."""
    how = f"{'raised' if alert.shift > 0 else 'lowered'} by verdicts, by a factor of {number(10 ** abs(alert.shift))}"
    if not alert.alike:
        return how
    benign = sum(one.answer == "benign" for one in alert.alike)
    most = alert.alike[0]
    return (
        f"{how}: like {benign} benign and {len(alert.alike) - benign} true, most like alert {cut(most.uid)}, which was"
        f" {most.answer} ({cut(most.entity.kind)} {cut(most.entity.value)}, {whole_day(most.begin)})"
    )


def muted(mute: Muted) -> str:
    """What keeps an alert from being raised: "muted until 3 March 2025 by the answer to alert ...: a new scanner"."""
    return f"muted until {whole_day(mute.until * 86_400_000)} by the answer to alert {cut(mute.uid)}: {cut(mute.why)}"


def number(value: float) -> str:
    """A number in the three figures that a reader takes in; a whole one below a million in full."""
    size = abs(value)
    if not math.isfinite(value):
        return str(value)
    for scale, name in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if size >= scale:
            return f"{value / scale:,.3g} {name}" if size < 1000 * scale else f"{value:.3g}"
    if value == int(value):
        return f"{value:,.0f}"
    if size >= 100:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.3g}" if size >= 10 else f"{value:.2g}" if size >= 0.001 else "nearly 0"


def often(rate: float) -> str:
    """How often something happens that is expected `rate` times per day: "3 times per day", "once in 40 days".

    What is expected less than once per year is not told more exactly: no past here is long enough.
    """
    if rate >= 1.5:
        return f"{number(rate)} times per day"
    if rate > 1 / 1.5:
        return "once per day"
    if rate * _DAYS_PER_YEAR < 1:
        return "less than once per year"
    days = 1 / rate
    if days < 2 * _DAYS_PER_MONTH:
        return f"once in {days:.0f} days"
    return f"once in {days / _DAYS_PER_MONTH:.0f} months"


def whole_day(time: int) -> str:
    """The day of a time in ms since the epoch, in UTC: "3 March 2025"."""
    at = utc(time)
    return f"{at.day} {at:%B} {at.year}"


def weekday(time: int) -> str:
    """The same with the day of the week: "Monday, 3 March 2025"."""
    return f"{utc(time):%A}, {whole_day(time)}"


def second(time: int) -> str:
    """A time in ms since the epoch, in UTC: "2025-03-03 10:00:05"."""
    return f"{utc(time):%Y-%m-%d %H:%M:%S}"


def clock(begin: int, end: int) -> str:
    """From a time to another, in UTC: "10:00 to 11:00", or "10:00", with the day of the end if it is another one."""
    first, last = utc(begin), utc(end)
    if first.date() != last.date():
        return f"{first:%H:%M} to {whole_day(end)}, {last:%H:%M}"
    return " to ".join(dict.fromkeys((f"{first:%H:%M}", f"{last:%H:%M}")))


def span(begin: int, end: int) -> str:
    """From a time to another, in UTC: "3 March 2025, 10:00 to 11:00"."""
    return f"{whole_day(begin)}, {clock(begin, end)}"


def utc(time: float) -> datetime:
    """A time in ms since the epoch; of one that no calendar has, the nearest that it has."""
    return _EPOCH + timedelta(milliseconds=max(_FIRST, min(time, _LAST)))
