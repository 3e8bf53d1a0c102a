"""An alert for readers of the page: its explanation in lines, and its finding as OCSF has it, cut short.

Told in `book/part5/why.md`.
"""

import json
from typing import Any

from IPython.display import Markdown

from residual.detect import words
from residual.detect.alert import Alert
from residual.detect.alerts import to_ocsf

FIRSTS = 4  # first times that are told
LONGEST = 46  # letters of a text
KEPT = ("class_uid", "severity_id", "verdict_id", "finding_info", "anomaly_analyses", "observables", "enrichments")


def explanation(alert: Alert) -> Markdown:
    """What the alert says, in lines: the signals, what happened for the first time, and how many events there are."""
    lines = [f"**{words.title(alert)}**", f"- {words.span(alert.begin, alert.end)} UTC, {_many(alert.count, 'event')}"]
    for signal in alert.signals:
        rest = "" if signal is alert.signals[0] else f"{words.statement(signal)}: "
        lines.append(f"- {rest}as odd as this among {signal.detector!r}: {words.often(signal.rate)}")
    firsts = alert.firsts[:FIRSTS]
    lines += [f"- {first.field} `{first.value}`: {words.new_for(first)}" for first in firsts]
    if len(alert.firsts) > len(firsts):
        lines.append(f"- and {_many(len(alert.firsts) - len(firsts), 'other first time')}")
    return Markdown("\n\n".join([lines[0], "\n".join(lines[1:])]))


def finding(alert: Alert) -> str:
    """The alert as a Detection Finding, in JSON: some of its attributes, of each list the first, and no long text."""
    event = to_ocsf(alert)
    return json.dumps({name: _short(event[name]) for name in KEPT if event.get(name)}, indent=1)


def _many(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' * (n != 1)}"


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _short(inner) for name, inner in value.items()}
    if isinstance(value, list):
        more = [f"... {len(value) - 1:,} more"] if len(value) > 1 else []
        return [*map(_short, value[:1]), *more]
    if isinstance(value, str) and len(value) > LONGEST:
        return f"{value[:LONGEST]}..."
    return value
