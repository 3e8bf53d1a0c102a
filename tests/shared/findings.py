"""Alerts to be written, reported and broken in tests."""

from typing import Any

from hypothesis import strategies as st
from sign_ins import TIME, sign_in

from residual.detect.alert import Alert, Alike, Entity, FirstTime, Muted, Observation, Signal, Verdict

HOUR = 3_600_000
DAY = 24 * HOUR
NOW = TIME - TIME % HOUR
ADDRESS, ADA = Entity("address", "10.1.2.3"), Entity("user", "ada")

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    ["<script>", "\u202e", "10.0.0.1"]
)
TIMES = st.integers(100_000_000_000, 253_402_300_799_999)
DAYS = st.integers(0, 2_000_000)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
ENTITIES = st.builds(Entity, st.sampled_from(["user", "address", "machine", "domain"]) | TEXTS, TEXTS)
SIGNALS = st.builds(
    Signal, TEXTS, st.lists(ENTITIES, max_size=2).map(tuple), TIMES, TIMES, NUMBERS, NUMBERS, NUMBERS, NUMBERS,
    st.lists(st.builds(Observation, TIMES, NUMBERS), max_size=3).map(tuple), TEXTS,
)  # fmt: skip
VERDICTS = st.builds(
    Verdict, st.sampled_from(["true", "benign", "unsure"]), TEXTS, st.none() | TEXTS, st.none() | TIMES,
    st.none() | DAYS,
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["actor", "device", "data", "src_endpoint", "query", "verdict", "time", "uid"]) | TEXTS
EVENTS = st.dictionaries(NAMES, JSON, max_size=4) | st.integers(0, 99).map(sign_in)
FIRSTS = st.builds(FirstTime, TEXTS, TEXTS, st.sampled_from(["entity", "peers", "organization"]))
ALIKE = st.builds(Alike, TEXTS, st.sampled_from(["true", "benign"]), NUMBERS, ENTITIES, TIMES)
ALERTS = st.builds(
    Alert, TEXTS, TIMES, TIMES, TIMES, st.lists(ENTITIES, max_size=3).map(tuple),
    st.lists(SIGNALS, min_size=1, max_size=3).map(tuple),
    st.lists(FIRSTS, max_size=2).map(tuple),
    st.lists(TEXTS, max_size=3).map(tuple), st.integers(0, 2**31 - 1), st.lists(EVENTS, max_size=2).map(tuple),
    st.none() | VERDICTS, st.floats(-1, 1), st.lists(ALIKE, max_size=2).map(tuple),
    st.none() | st.builds(Muted, TEXTS, DAYS, TEXTS),
)  # fmt: skip


def signal(**changes: Any) -> Signal:
    """41 failed sign-ins of an address in an hour."""
    past = tuple(Observation((NOW // DAY - n) * DAY, float(n % 5)) for n in range(14, -1, -1))
    return Signal(
        **{
            "detector": "failed sign-ins of an address", "entities": (ADDRESS,), "begin": NOW, "end": NOW + HOUR,
            "value": 41.0, "expected": 2.125, "spread": 1.4, "rate": 0.025, "past": past,
        } | changes
    )  # fmt: skip


def alert(number: int = 0, **changes: Any) -> Alert:
    """An episode of failed sign-ins."""
    events = [sign_in(60_000 * n, src_endpoint={"ip": ADDRESS.value}) for n in range(5)]
    return Alert(
        **{
            "uid": f"alert-{number}", "raised": NOW + HOUR, "begin": NOW, "end": NOW + HOUR - 1,
            "entities": (ADDRESS, ADA), "signals": (signal(),),
            "firsts": (FirstTime("src_endpoint.ip", ADDRESS.value, "organization"),),
            "events": tuple(event["metadata"]["uid"] for event in events), "count": 41, "evidence": tuple(events),
        } | changes
    )  # fmt: skip
