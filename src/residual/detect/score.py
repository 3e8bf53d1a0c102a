"""From a folder of events to alerts, day by day: what `residual score` does. Told in part V.

The model is what is remembered of the days before. A day is scored by the days before it, and then joins them, so there
is nothing to fit beforehand; the first two weeks only learn. The alerts of a day are written before the memory of it,
each whole or not at all: a run that is killed does that day again, to the same alerts, and goes on. Verdicts stand with
the alerts and not in the memory, which is the same whatever was answered.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from tqdm import tqdm

from residual.detect.alert import Alert, Muted, Observation
from residual.detect.alerts import write_alerts
from residual.detect.calibrate import LEAST, PAST, highest, rates
from residual.detect.detectors import DETECTORS
from residual.detect.episodes import MOST, Episode, alert_of, apart, episodes, missing
from residual.detect.firsts import SEEN, remember
from residual.detect.folder import Key, answered, keys, mutes
from residual.detect.sights import KEPT, SIGHTS, Detector, Frames
from residual.detect.stream import COLUMNS, DAY, HOUR, KINDS, SCHEMA, by_day, every_day, with_machines
from residual.detect.verdicts import KEYS, PROFILES, Answers, moves, profiles
from residual.ocsf.read import read
from residual.storage import write_atomically

VERSION = 2  # of a model: another set of detectors has another memory
LEARNING = 7  # days of which statistics are made before anything is scored
RENEWED = 7  # days that set the threshold at which a sight is raised before its day is over
TOLD = 50  # sights of a day whose rates are kept for that
AROUND = 12  # hours before a day that its windows reach back to
_CURRENT = "model.json"
_KEPT = ("nulls", "rates", "known", "recent", "seen", "profiles")
_NULLS = {"detector": pl.String, "day": pl.Int32, "score": pl.Float64}
_RATES = {"day": pl.Int32, "rate": pl.Float64}
_KNOWN = {"time": pl.Int64, "address": pl.String, "machine": pl.String}


@dataclass
class Memory:
    """What is remembered of the days before `day` (since 1970); `active` are those with events, the last ones."""

    day: int
    active: tuple[int, ...] = ()
    frames: dict[str, Frames] = field(default_factory=dict)
    nulls: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_NULLS))
    rates: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_RATES))
    known: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_KNOWN))
    recent: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SCHEMA))
    seen: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SEEN))
    profiles: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=PROFILES))

    @property
    def learned(self) -> bool:
        """Whether there are statistics to score a day by."""
        return len(self.active) >= LEARNING

    @property
    def null(self) -> tuple[int, ...]:
        """The days that say how often a score is reached: they were scored, and had events."""
        return self.active[LEARNING:][-PAST:]

    @property
    def ready(self) -> bool:
        """Whether these are enough to raise alerts on the next day."""
        return len(self.null) >= LEAST


@dataclass
class Summary:
    """What a run did.

    Attributes:
        days: that were scored.
        alerts: that were raised on them.
        lowered: alerts that would have been raised without verdicts, those that are muted among them.
        learned: days that only taught.
        late: events of days that were done, which were passed over.
        astray: events so far from all others in time that a clock must be wrong; they were passed over, too.
        rejected: rows that could not be read; they are in quarantine.
    """

    days: int = 0
    alerts: int = 0
    lowered: int = 0
    learned: int = 0
    late: int = 0
    astray: int = 0
    rejected: int = 0


def score(
    events: Path,
    model: Path,
    out: Path,
    *,
    budget: int = 10,
    at_most: Mapping[str, int] | None = None,
    before: int | None = None,
    quarantine: Path | None = None,
    progress: bool = False,
) -> Summary:
    """Score a folder of events, and write the alerts of each day to `out/YYYY-MM-DD.jsonl`.

    The answers that stand in `out` rank the alerts of the days after; what they take out of the budget is written to
    `out/YYYY-MM-DD.lowered.jsonl`. A day that is done again keeps its answers.

    Args:
        events: a folder that `residual.ocsf.read` reads, or one file. Days that the model has are passed over.
        model: folder of what is remembered; made where there is none.
        out: folder of the alerts.
        budget: alerts per day, in all.
        at_most: of them, how many may be about a kind of entity (`stream.KINDS`), for those kinds that have a limit.
        before: the first day, in days since 1970, that is left for another run; none is.
        quarantine: the file for events that are rejected, as of `read`.
        progress: whether to show a bar.

    Raises:
        ValueError: for events that cannot be read, a budget below 1, a limit below 0 or for a kind that there is not,
            or a model that is damaged or of another version.
    """
    if budget < 1:
        raise ValueError(f"alerts per day must be at least 1, got {budget}")
    for kind, most in (at_most or {}).items():
        if kind not in KINDS or most < 0:
            raise ValueError(f"a limit must be 0 or more, for one of {', '.join(KINDS)}, got {kind}={most}")
    memory = load(model)
    table = read(events, columns=COLUMNS, quarantine=quarantine)
    summary = Summary(rejected=table.summary.rows_quarantined)
    model.mkdir(parents=True, exist_ok=True)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=model, prefix=".days.") as scratch:
        done = None if memory is None else memory.day - 1
        days, summary.late, summary.astray = by_day(table.events, Path(scratch, "days"), after=done)
        days = {day: path for day, path in days.items() if before is None or day < before}
        if not days:
            return summary
        memory = memory or Memory(min(days))
        given = answered(out, since=memory.day - KEPT)
        muted = mutes(out, since=memory.day)
        answers: Answers = {uid: (verdict.answer, day) for uid, (verdict, day) in given.items()}
        for day, today in tqdm(
            every_day(days, memory.day), total=max(days) + 1 - memory.day, unit="day", disable=not progress
        ):
            ready, then = memory.ready, memory
            sights, memory = look(then, today)
            if ready:
                alerts, lowered = raised(then, memory, sights, today, budget, answers, muted, at_most)
                alerts = [replace(a, verdict=given[a.uid][0]) if a.uid in given else a for a in alerts]
                write_alerts(out / f"{date(day)}.jsonl", alerts)
                _or_none(out / f"{date(day)}.lowered.jsonl", lowered)
                summary.days += 1
                summary.alerts += len(alerts)
                summary.lowered += len(lowered)
            else:
                summary.learned += 1
            if today.height or day == max(days):  # a day without events leaves nothing to remember
                save(memory, model)
    return summary


def advance(
    memory: Memory, events: pl.DataFrame, budget: int, answers: Answers | None = None
) -> tuple[list[Alert], Memory]:
    """The alerts of the next day, out of its events as `stream.by_day` has them, and the memory after it.

    Args:
        memory: of the days before.
        events: of the day.
        budget: how many alerts there may be.
        answers: by uid of an alert the answer, and the day since 1970 at whose end it was given.
    """
    sights, after = look(memory, events)
    return raised(memory, after, sights, events, budget, answers or {})[0], after


def raised(
    memory: Memory,
    after: Memory,
    sights: pl.DataFrame,
    events: pl.DataFrame,
    budget: int,
    answers: Answers,
    muted: Sequence[tuple[int, Key, Muted]] = (),
    at_most: Mapping[str, int] | None = None,
) -> tuple[list[Alert], list[Alert]]:
    """The alerts of a day at which `look` has looked, and those that there would be in their place without verdicts."""
    if not sights.height:
        return [], []
    day = memory.day
    around = pl.concat([memory.recent, with_machines(events, memory.known)[0]]).with_row_index("row")
    threshold = _threshold(memory.rates, day, budget)
    moved = moves(after.profiles, answers, day)
    quiet = {key: mute for given, key, mute in muted if given < day <= mute.until}

    def told(some: list[Episode]) -> list[Alert]:
        pasts = ([_past(memory.frames, sight) for sight in episode.sights] for episode in some)
        alerts = [alert_of(e, around, memory.seen, past, day) for e, past in zip(some, pasts, strict=True)]
        alerts = [replace(a, shift=moved[a.uid][0], alike=moved[a.uid][1]) if a.uid in moved else a for a in alerts]
        return [replace(a, muted=next((quiet[key] for key in keys(a) if key in quiet), None)) for a in alerts]

    plain = episodes(sights, around, budget, threshold, day, at_most=at_most)
    if not moved and not quiet:
        return told(plain), []
    shifts = after.profiles.filter(pl.col("day") == day).select(
        *KEYS, shift=pl.col("uid").replace_strict({uid: by for uid, (by, _) in moved.items()}, default=0.0)
    )
    sights = sights.join(shifts, on=KEYS, how="left", nulls_equal=True, maintain_order="left")
    sights = sights.with_columns(moved=pl.col("rate") * 10 ** -pl.col("shift").fill_null(0.0)).drop("shift")
    silent = pl.DataFrame(list(quiet), schema=dict.fromkeys(KEYS, pl.String), orient="row")
    loud = sights.join(silent, on=KEYS, how="anti", nulls_equal=True, maintain_order="left")
    some = episodes(loud, around, budget, threshold, day, by="moved", at_most=at_most)
    return told(some), told(missing(plain, some))


def look(memory: Memory, events: pl.DataFrame) -> tuple[pl.DataFrame, Memory]:
    """What detectors see on the next day, and the memory after it.

    Returns:
        Sights as `sights.SIGHTS`, with `detector`, `class_uid` and `rate` (entities per day that are as odd); none in
        the first two weeks.
    """
    day = memory.day
    if not events.height:  # a day on which nothing was recorded says nothing about any other
        return _rated(pl.DataFrame(schema=SIGHTS), DETECTORS[0], memory), replace(memory, day=day + 1)
    events, known = with_machines(events, memory.known)
    sights, frames = [], {}
    nulls = [memory.nulls.filter(pl.col("day").is_in(memory.null))]
    for detector in DETECTORS:
        found, frames[detector.name] = detector.advance(day, events, memory.frames.get(detector.name, {}))
        sights.append(_rated(found, detector, memory))
        null = highest(found).select(
            pl.lit(detector.name).alias("detector"), pl.lit(day, pl.Int32).alias("day"), "score"
        )
        nulls.append(null if memory.learned else null.clear())
    every = pl.concat(sights)
    if not memory.ready:
        every = every.clear()
    around = pl.concat([memory.recent, events])
    kept = memory.profiles.filter(pl.col("day") > day - KEPT)
    new = apart(every, MOST * TOLD)[0].head(TOLD).select(pl.lit(day, pl.Int32).alias("day"), "rate")
    after = Memory(
        day=day + 1, active=(*memory.active, day)[-LEARNING - PAST :], frames=frames, nulls=pl.concat(nulls),
        known=known,
        rates=pl.concat([memory.rates.filter(pl.col("day") > day - RENEWED), new]),
        recent=around.filter(pl.col("time") >= (day + 1) * DAY - AROUND * HOUR), seen=remember(memory.seen, events),
        profiles=pl.concat([kept, profiles(every, around, memory.seen, day)]),
    )  # fmt: skip
    return every, after


def date(day: int) -> str:
    """A day since 1970, as YYYY-MM-DD."""
    return datetime.fromtimestamp(day * DAY / 1000, UTC).strftime("%Y-%m-%d")


def save(memory: Memory, model: Path) -> None:
    """Write a memory beside the one before it, then say that it is the current one, then remove the one before."""
    content, names, begin = BytesIO(), [], 0
    for owner, name, frame in _frames(memory):
        frame.write_ipc_stream(content, compression="lz4")
        names.append([owner, name, begin, content.tell()])
        begin = content.tell()
    path = model / f"{memory.day}.arrows"
    write_atomically(path, content.getvalue())
    told = {"version": VERSION, "day": memory.day, "active": memory.active, "frames": names}
    write_atomically(model / _CURRENT, json.dumps(told).encode())
    for old in model.glob("*.arrows"):
        if old != path:
            old.unlink()


def load(model: Path) -> Memory | None:
    """Read what `save` wrote; None where nothing is.

    Raises:
        ValueError: for a folder that is not whole, or of another version.
    """
    path = model / _CURRENT
    if not path.exists():
        return None
    try:
        told = json.loads(path.read_bytes())
        version, memory = told["version"], Memory(int(told["day"]), tuple(map(int, told["active"])))
        content = (model / f"{memory.day}.arrows").read_bytes()
        frames = [(owner, name, pl.read_ipc_stream(content[begin:end])) for owner, name, begin, end in told["frames"]]
    except (ValueError, KeyError, TypeError, OSError, pl.exceptions.PolarsError) as error:
        raise ValueError(f"{model}: expected a model as residual score writes it: {error}") from error
    if version != VERSION:
        raise ValueError(f"{model}: its model has version {version}, expected {VERSION}: score into a new folder")
    for owner, name, frame in frames:
        if owner:
            memory.frames.setdefault(owner, {})[name] = frame
        else:
            setattr(memory, name, frame)
    return memory


def _frames(memory: Memory) -> Iterator[tuple[str, str, pl.DataFrame]]:
    """All frames of a memory with the detector that owns each, "" for those of nobody, and their names."""
    for owner, frames in memory.frames.items():
        yield from ((owner, name, frame) for name, frame in frames.items())
    yield from (("", name, getattr(memory, name)) for name in _KEPT)


def _or_none(path: Path, alerts: list[Alert]) -> None:
    """Write alerts to a file, or see to it that there is none."""
    if alerts:
        write_alerts(path, alerts)
    else:
        path.unlink(missing_ok=True)


def _rated(found: pl.DataFrame, detector: Detector, memory: Memory) -> pl.DataFrame:
    """Sights with their `detector`, `class_uid`, and `rate`: infinite where there is not enough of the past."""
    null = memory.nulls.filter((pl.col("detector") == detector.name) & pl.col("day").is_in(memory.null))
    rate = np.full(len(found), np.inf)
    if memory.ready:
        rate = rates(found["score"].to_numpy(), null["score"].to_numpy(), len(memory.null))
    return found.with_columns(
        detector=pl.lit(detector.name),
        class_uid=pl.lit(detector.class_uid, pl.Int32),
        rate=pl.Series(rate, dtype=pl.Float64),
    )


def _threshold(rates: pl.DataFrame, day: int, budget: int) -> float:
    """The rate that on the days before was undercut as often as there are alerts; none where too few are known."""
    past = rates.filter(pl.col("day") > day - 1 - RENEWED)
    days, ordered = past["day"].n_unique(), past["rate"].sort()
    return float(ordered[days * budget]) if days and len(ordered) > days * budget else 0.0


def _past(frames: dict[str, Frames], sight: dict[str, Any]) -> tuple[Observation, ...]:
    """The highest window of each day before, of the entities of a sight, if its detector keeps that."""
    usual = frames.get(sight["detector"], {}).get("usual")
    if usual is None:
        return ()
    which = pl.col(sight["kind"]) == sight["entity"]
    if sight["other_kind"] is not None:
        which &= pl.col(sight["other_kind"]) == sight["other"]
    days = usual.filter(which).sort("day").select("day", "most")
    return tuple(Observation((day + 1) * DAY, value) for day, value in days.iter_rows())
