"""What is handed to an analyst: an alert, the signals that raised it, and the events behind it. Told in part V.

A signal is one measured quantity of one window, beside what was expected of it by the days before. An alert has one or
more of them, which share entities or events.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

Answer: TypeAlias = Literal["true", "benign", "unsure"]


class Entity(NamedTuple):
    """Somebody or something that acts: `kind` is user, address, machine, destination, domain, application, ..."""

    kind: str
    value: str


class Observation(NamedTuple):
    """What a signal measured in the window that ends at `end`, in ms since the epoch."""

    end: int
    value: float


@dataclass(frozen=True)
class Signal:
    """One quantity of one window that is higher than expected.

    Attributes:
        detector: its name, such as "failed sign-ins of an address in 1 h".
        entities: one, or the two of a pair.
        begin: first time of the window, in ms since the epoch.
        end: the time at which the window ends; no event of it is as late.
        value: what was measured.
        expected: what was expected from the days before.
        spread: the standard deviation of that, in units of the value.
        rate: how many entities per day are expected to be as unusual as this for this detector: the smaller, the odder.
        past: what was measured before: of each day the highest window of the same entities, by time.
        detail: what a detector has to say besides, such as which two values came together.
    """

    detector: str
    entities: tuple[Entity, ...]
    begin: int
    end: int
    value: float
    expected: float
    spread: float
    rate: float
    past: tuple[Observation, ...] = ()
    detail: str = ""


@dataclass(frozen=True)
class FirstTime:
    """A value not seen before; `whom` is "entity", "peers" or "organization", the widest for which it is new."""

    field: str
    value: str
    whom: str


@dataclass(frozen=True)
class Verdict:
    """An analyst's answer to an alert: what it was, why, and as far as it is known who says so and when (in ms).

    A benign alert may be muted up to a day and with it, `until` in days since 1970: what its detectors say of the same
    entities raises nothing in the meantime.
    """

    answer: Answer
    why: str
    who: str | None = None
    at: int | None = None
    until: int | None = None


class Muted(NamedTuple):
    """The answered alert that keeps another one from being raised: until which day, since 1970, and why."""

    uid: str
    until: int
    why: str


class Alike(NamedTuple):
    """An alert answered before that another is like, by a `likeness` from 0 to 1: about whom, and from when on."""

    uid: str
    answer: Answer
    likeness: float
    entity: Entity
    begin: int


@dataclass(frozen=True)
class Alert:
    """An episode that is worth an analyst's time.

    Attributes:
        uid: the same for the same day, entities and detector, however often it is made.
        raised: when it was raised, in ms since the epoch.
        begin: time of its first event.
        end: time of its last event.
        entities: whom it is about; the first one most.
        signals: why it was raised, the oddest first.
        firsts: what happened for the first time.
        events: `metadata.uid` of the events behind it, in the order of time; of many, the first ones.
        count: of all events behind it.
        evidence: some of these events, nested as OCSF has them.
        verdict: what an analyst answered; None as long as nobody did.
        shift: by how many powers of ten earlier verdicts moved it in the ranking: up, or down if negative.
        alike: answered alerts that it is like, the likest first.
        muted: what keeps it from being raised; None if nothing does.
    """

    uid: str
    raised: int
    begin: int
    end: int
    entities: tuple[Entity, ...]
    signals: tuple[Signal, ...]
    firsts: tuple[FirstTime, ...]
    events: tuple[str, ...]
    count: int
    evidence: tuple[Mapping[str, Any], ...] = ()
    verdict: Verdict | None = None
    shift: float = 0.0
    alike: tuple[Alike, ...] = ()
    muted: Muted | None = None

    @property
    def rate(self) -> float:
        """How many entities per day are expected to be as unusual as its oddest signal."""
        return min(signal.rate for signal in self.signals)
