"""One attack on a password, from its records to the alert, picked by a rule. Told in `book/part5/alert.md`."""

from dataclasses import dataclass

import polars as pl

from residual.detect.alert import Alert
from residual.detect.stream import DAY, HOUR
from residual_book.evaluation.live import Live

SEED = 0  # of the organization of this page
KIND = "brute_force"
SIGN_IN, FAILURE = 3002, 2  # a class of OCSF, and a status


@dataclass(frozen=True)
class Story:
    """An attack that was found, and what was around it.

    Attributes:
        alert: that found it.
        alerts: of its day, the oddest first.
        true: which of these found an attack or fault.
        twins: which found only a harmless twin of one.
        attack: `time` and `failed` of each of its events, in the order of time.
        day: of the alert, since 1970.
        sign_ins: of everybody on that day: `time`, `user`, and whether they `failed` and are of the `attack`.
        hourly: failed sign-ins of the attacked user, by `hour` since 1970 with any sign-in, from the first day on.
        records: of that day, in all classes.
    """

    alert: Alert
    alerts: list[Alert]
    true: list[bool]
    twins: list[bool]
    attack: pl.DataFrame
    day: int
    sign_ins: pl.DataFrame
    hourly: pl.DataFrame
    records: int

    @property
    def user(self) -> str:
        """The name of the user who was attacked."""
        return self.alert.entities[0].value


def story(made: Live, kind: str = KIND) -> Story:
    """The first attack of a kind for which an alert about a user was raised before its last event.

    Raises:
        ValueError: for an organization without one.
    """
    labels = made.labels.filter(pl.col("type") == kind, ~pl.col("twin"))
    for day, alerts in made.alerts.items():
        for alert in alerts:
            touched = labels.filter(pl.col("metadata.uid").is_in(alert.events))["episode"].unique()
            of = labels.filter(pl.col("episode").is_in(touched.implode()))
            if touched.len() == 1 and alert.entities[0].kind == "user" and alert.raised < of["time"].to_numpy().max():
                return _told(made, alert, day, of["metadata.uid"])
    raise ValueError(f"the organization must have an attack of type {kind!r} that was found before its end")


def _told(made: Live, alert: Alert, day: int, uids: pl.Series) -> Story:
    failed = (pl.col("status_id") == FAILURE).fill_null(False)
    every = pl.concat(events.filter(pl.col("class_uid") == SIGN_IN) for events in made.events.values())
    every = every.filter(pl.col("time") < (day + 1) * DAY).select(
        "time", "user", failed=failed, attack=pl.col("uid").is_in(uids.implode())
    )
    own = every.filter(pl.col("user") == alert.entities[0].value)
    harmful, harmless = (set(made.labels.filter(pl.col("twin") == twin)["metadata.uid"]) for twin in (False, True))
    alerts = made.alerts[day]
    true = [not harmful.isdisjoint(one.events) for one in alerts]
    return Story(
        alert=alert,
        alerts=alerts,
        true=true,
        twins=[not hit and not harmless.isdisjoint(one.events) for one, hit in zip(alerts, true, strict=True)],
        attack=every.filter("attack").select("time", "failed").sort("time"),
        day=day,
        sign_ins=every.filter(pl.col("time") >= day * DAY),
        hourly=own.group_by(hour=pl.col("time") // HOUR).agg(pl.col("failed").sum()).sort("hour"),
        records=made.events[day].height,
    )
