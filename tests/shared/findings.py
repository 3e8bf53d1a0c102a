"""Alerts to be written, reported and broken in tests."""

from typing import Any

from sign_ins import TIME, sign_in

from residual.detect.alert import Alert, Entity, FirstTime, Observation, Signal

HOUR = 3_600_000
NOW = TIME - TIME % HOUR
ADDRESS, ADA = Entity("address", "10.1.2.3"), Entity("user", "ada")


def signal(**changes: Any) -> Signal:
    """41 failed sign-ins of an address in an hour."""
    past = tuple(Observation(NOW - n * 5 * HOUR, float(n % 5)) for n in range(40, 0, -1))
    return Signal(
        **{
            "detector": "failed sign-ins of an address in 1 h", "entities": (ADDRESS,), "begin": NOW, "end": NOW + HOUR,
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
