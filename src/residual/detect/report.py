"""Alerts as one page of HTML that needs no network and no script; the page itself is `report.html`.

What an attacker wrote into a log stays text: it is cut, control characters and those that turn the direction of writing
are spelled out (`residual.ocsf.text`), the template escapes it, and the page's own policy allows no script and no host.
"""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup, escape

from residual.detect import words
from residual.detect.alert import Alert
from residual.detect.evidence import event_table
from residual.detect.timeline import DAY, timeline
from residual.ocsf.text import cut, printable

MOST_EVENTS = 20  # of an alert that are shown
MOST_SIGNALS = 6
LONGEST_UID = 100


def report(alerts: Iterable[Alert], *, title: str = "Alerts", budget: int | None = None) -> str:
    """The page: a list of the alerts by the day on which they were raised, the oddest of a day first, then each alert.

    Args:
        alerts: in any order.
        title: of the page.
        budget: how many alerts per day were allowed, in all; None if there was no limit.
    """
    ordered = sorted(alerts, key=lambda alert: (_day(alert), alert.rate, alert.uid))
    days = [(day * DAY, list(some)) for day, some in groupby(ordered, _day)]
    return _template().render(heading=title, budget=budget, alerts=ordered, days=days)


def _day(alert: Alert) -> int:
    """The day on which an alert was raised, since 1970. What is raised at midnight is of the day that is over."""
    return (alert.raised - 1) // DAY


def _on_shell(uid: str) -> Markup:
    """A uid as one argument of a command that can be pasted, whatever it is; it is not cut once more."""
    return escape(shlex.quote(cut(printable(uid), LONGEST_UID)))


def _ends(events: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """The first and the last of events, `MOST_EVENTS` together, or all."""
    half = MOST_EVENTS // 2
    return events if len(events) <= MOST_EVENTS else (*events[:half], *events[-half:])


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.globals |= {
        "words": words, "cut": cut, "event_table": event_table, "timeline": timeline, "on_shell": _on_shell,
        "ends": _ends, "MOST_SIGNALS": MOST_SIGNALS,
    }  # fmt: skip
    return environment.from_string(files("residual.detect").joinpath("report.html").read_text("utf-8"))
