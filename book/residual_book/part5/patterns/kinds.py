"""What each kind of detector sees of one organization: an attack, and the harmless twin that looks like it.

Told in `book/part5/patterns.md`.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from residual.detect.detectors import CALL, DETECTORS, TRAFFIC
from residual.detect.sights import Detector, Frames
from residual.detect.stream import DAY, with_machines
from residual.detect.together import Together
from residual_book.evaluation.live import FIRST, Live

VOLUME = "connections of a machine to a host"
CONTACTS = "steady new contacts of a machine to a host"
ORDER = "order of a user's calls"
VALUES = tuple(d.name for d in DETECTORS if isinstance(d, Together) and d.class_uid != CALL)  # of one event each
TAUGHT = 14  # days that only teach


@dataclass(frozen=True)
class Seen:
    """One organization, and what detectors see in it.

    Attributes:
        events: of all days, with the machine of each, their `day` from 0 with its fraction, and `episode`, `type` and
            `twin`, null where nothing is injected.
        sights: of all days: `SIGHTS`, with `detector` and the `day`, from 0 with its fraction, at which they end.
    """

    events: pl.DataFrame
    sights: pl.DataFrame


@dataclass(frozen=True)
class Case:
    """What one detector sees of the entities of an episode.

    Attributes:
        entities: one, or the two of a pair.
        sights: of these entities, with whether they are `inside`: an event of the episode is in the window.
        detail: what the detector says of the oddest of those inside.
    """

    entities: tuple[str, ...]
    sights: pl.DataFrame
    detail: str


def watched(live: Live) -> Seen:
    """Have the detectors that the page shows look at one day after the other, as the system does."""
    shown: list[Detector] = [d for d in DETECTORS if d.name in (VOLUME, CONTACTS, ORDER, *VALUES)]
    known = pl.DataFrame(schema={"time": pl.Int64, "address": pl.String, "machine": pl.String})
    states: dict[str, Frames] = {detector.name: {} for detector in shown}
    seen, days = [], []
    for day, plain in live.events.items():
        events, known = with_machines(plain, known)
        days.append(events)
        for detector in shown:
            found, states[detector.name] = detector.advance(day, events, states[detector.name])
            seen.append(found.with_columns(detector=pl.lit(detector.name)))
    labels = live.labels.select("episode", "type", "twin", uid="metadata.uid")
    events = pl.concat(days).join(labels, on="uid", how="left", maintain_order="left")
    return Seen(
        events.with_columns(day=pl.col("time") / DAY - FIRST),
        pl.concat(seen).with_columns(day=pl.col("end") / DAY - FIRST),
    )


def touched(seen: Seen, detector: str, kind: str, *, twin: bool) -> pl.DataFrame:
    """Sights of a detector whose window holds an event of an attack of a type (or of a twin): with its `episode`.

    The event must be of the entities that the sight names, and after the days that only teach.
    """
    sights = seen.sights.filter((pl.col("detector") == detector) & (pl.col("day") > TAUGHT)).with_row_index("sight")
    own = seen.events.filter((pl.col("type") == kind) & (pl.col("twin") == twin))
    parts = []
    for (one, other), some in sights.partition_by(["kind", "other_kind"], as_dict=True).items():
        names = [str(name) for name in (one, other) if name is not None]
        columns = ["entity", "other"][: len(names)]
        met = some.join(own.select("episode", "time", *names), left_on=columns, right_on=names)
        parts.append(met.filter(pl.col("time").is_between("begin", "end", closed="left")).drop("time"))
    empty = sights.clear().with_columns(episode=pl.lit("", dtype=pl.String))
    return pl.concat(parts or [empty]).unique(["sight", "episode"]).sort("sight", "episode")


def case(seen: Seen, detector: str, kind: str, *, twin: bool) -> Case:
    """The oddest sight of a detector that an attack of a type (or a twin) is part of, with all of its entities.

    Raises:
        ValueError: where the detector sees none.
    """
    own = touched(seen, detector, kind, twin=twin).sort("score", "sight", descending=[True, False])
    if own.is_empty():
        raise ValueError(f"{detector!r} must see some {'twin of ' * twin}{kind!r}")
    first = own.row(0, named=True)
    same = (pl.col("detector") == detector) & (pl.col("entity") == first["entity"])
    same &= pl.col("other").eq_missing(pl.lit(first["other"], dtype=pl.String))
    inside = own.filter((pl.col("episode") == first["episode"]) & same)["end"]
    sights = seen.sights.filter(same).sort("end").with_columns(inside=pl.col("end").is_in(inside.implode()))
    return Case(tuple(name for name in (first["entity"], first["other"]) if name), sights, first["detail"])


def connections(seen: Seen, kind: str) -> tuple[tuple[str, ...], pl.DataFrame]:
    """All connections of a day of an attack: `hour`, `sent`, whether they are `inside` of the attack; and its entities.

    It is the day of the oddest sight of `VOLUME`.
    """
    shown = case(seen, VOLUME, kind, twin=False)
    day = int(np.ceil(shown.sights.filter("inside").sort("score")["day"][-1])) - 1
    known = (pl.col("class_uid") == TRAFFIC) & pl.col("sent").is_not_null()
    table = seen.events.filter(known & pl.col("day").is_between(day, day + 1))
    inside = ((pl.col("type") == kind) & ~pl.col("twin")).fill_null(False) & (pl.col("machine") == shown.entities[0])
    return shown.entities, table.select("sent", hour=24 * (pl.col("day") - day), inside=inside.fill_null(False))


def impossible(seen: Seen, *, twin: bool) -> pl.DataFrame:
    """What detectors of values that do not come together say of one-event attacks, or of their twins."""
    return pl.concat(touched(seen, name, "impossible", twin=twin) for name in VALUES).sort("score", descending=True)


def met(live: Live) -> pl.DataFrame:
    """Each two values of an event that ever came together: how often they were `expected` to, and `seen`."""
    parts = []
    for detector in DETECTORS:
        if isinstance(detector, Together) and detector.name in VALUES:
            state = live.memory.frames[detector.name]
            events = state["events"]["n"].item()
            for a, b in detector.pairs:
                counts = state[f"{a} and {b}"].rename({"n": "seen"})
                counts = counts.join(state[a].rename({"n": "n a"}), on=a).join(state[b].rename({"n": "n b"}), on=b)
                parts.append(counts.select("seen", expected=pl.col("n a") * pl.col("n b") / events))
    return pl.concat(parts)


def new_pairs(seen: Seen, *, twin: bool) -> list[pl.DataFrame]:
    """The connections of each machine of one beacon, or of one updater: when, in `hours`, and how much is `sent`.

    It is the episode that has the oddest sight of new contacts.
    """
    own = touched(seen, CONTACTS, "beacon", twin=twin).sort("score", "sight", descending=[True, False])
    episode = own["episode"][0]
    events = seen.events.filter((pl.col("episode") == episode) & (pl.col("class_uid") == TRAFFIC)).sort("time")
    events = events.with_columns(hours=24 * (pl.col("day") - pl.col("day").min())).drop_nulls("machine")
    return [part.select("hours", "sent") for part in events.partition_by("machine", maintain_order=True)]
