"""Do explanations point at what was injected? Alert by alert, and the record; and the stories that the page tells.

Told in `book/part5/why.md`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from tqdm import tqdm

from residual import simulate
from residual.detect.alert import Alert
from residual.detect.score import Memory, advance, look
from residual.detect.stream import narrowed, with_machines
from residual.simulate import flat
from residual_book.evaluation.fits import FITS
from residual_book.evaluation.live import FIRST, Live
from residual_book.evaluation.watched import BUDGET, DAYS, USERS
from residual_book.recording import RESULTS, listed, provenance, read_record, write_record

SEEDS = (0, 1, 2, 3, 4)  # development organizations: the detectors were chosen while looking at these
RESULT = RESULTS / "why.json"


@dataclass(frozen=True)
class Explained:
    """An alert about somebody who took part in an episode in its hours, and how well it says which.

    Attributes:
        type: of the episode that most of the events listed belong to; if none does, most of the entity's events.
        found: whether an event of it is listed.
        detector: of the signal that is named first.
        precise: share of the events listed that belong to the episode.
        shown: the same of the few events that are shown whole, in the evidence.
        by_chance: share of all events of these classes and hours that belong to it.
        complete: share of the episode's events that are listed.
        named: whether the signal that is named first fits the type.
        at_random: share of detectors with something to say of the same entity on that day that do.
        largest: whether the one among them with the largest value does.
    """

    type: str
    found: bool
    detector: str
    precise: float
    shown: float
    by_chance: float
    complete: float
    named: bool
    at_random: float
    largest: bool


@dataclass(frozen=True)
class Organization:
    """What the alerts of one organization say.

    Attributes:
        seed: of the organization.
        explained: alerts about somebody who took part in an episode.
        others: how many were not.
        covered: of each episode that was found, its type, and the share of its events that some alert lists.
    """

    seed: int
    explained: tuple[Explained, ...]
    others: int
    covered: tuple[tuple[str, float], ...]


def measure(seed: int, *, users: int = USERS, days: int = DAYS, episodes: float = simulate.EPISODES) -> Organization:
    """Score an organization day by day, and compare what each alert says with the labels."""
    simulation = simulate.simulation(users=users, days=days, seed=seed, episodes=episodes)
    memory = Memory(FIRST)
    raised: list[tuple[Alert, pl.DataFrame, pl.DataFrame]] = []
    labels = []
    for day in tqdm(range(days), desc=f"days of organization {seed}"):
        parts = list(simulation.parts(day))
        labels += [part.labels for part in parts]
        events = pl.concat(narrowed(flat(part.events)) for part in parts).sort("time", "uid")
        alerts, after = advance(memory, events, BUDGET)
        if alerts:
            sights = look(memory, events)[0]
            around = pl.concat([memory.recent, with_machines(events, memory.known)[0]])
            raised += [(alert, sights, around) for alert in alerts]
        memory = after
    truth = attacks(pl.concat(labels))
    explained = [explain(alert, sights, around, truth) for alert, sights, around in raised]
    about = tuple(one for one in explained if one is not None)
    return Organization(seed, about, len(raised) - len(about), covered([alert for alert, _, _ in raised], truth))


def covered(alerts: Sequence[Alert], truth: pl.DataFrame) -> tuple[tuple[str, float], ...]:
    """Of each episode with an event in some alert: its type, and the share of its events that any alert lists."""
    listed = pl.Series([uid for alert in alerts for uid in alert.events], dtype=pl.String).unique()
    shares = truth.group_by("episode", "type").agg(share=pl.col("uid").is_in(listed.implode()).mean())
    return tuple(shares.filter(pl.col("share") > 0).sort("episode").select("type", "share").iter_rows())


def attacks(labels: pl.DataFrame) -> pl.DataFrame:
    """`uid`, `episode` and `type` of the events of attacks and faults."""
    return labels.filter(~pl.col("twin")).select("episode", "type", uid="metadata.uid")


def main_episode(uids: Sequence[str], truth: pl.DataFrame) -> tuple[str, str] | None:
    """The episode that most of some events belong to, and its type; None where none belongs to any."""
    own = truth.filter(pl.col("uid").is_in(list(uids)))
    counted = own.group_by("episode", "type").len().sort("len", "episode", descending=[True, False])
    return None if own.is_empty() else counted.select("episode", "type").row(0)


def explain(alert: Alert, sights: pl.DataFrame, events: pl.DataFrame, truth: pl.DataFrame) -> Explained | None:
    """Compare an alert with the truth; None for one about somebody who took part in no episode.

    Args:
        alert: raised on some day.
        sights: all of that day.
        events: of that day and the hours before that its windows reach back to, with machines.
        truth: as of `attacks`.
    """
    entity = alert.entities[0]
    found = main_episode(alert.events, truth)
    there = found or main_episode(events.filter(pl.col(entity.kind) == entity.value)["uid"].to_list(), truth)
    if there is None:
        return None
    episode, kind = there
    of = set(truth.filter(pl.col("episode") == episode)["uid"].to_list())
    shown = [one["metadata"]["uid"] for one in alert.evidence]
    classes = pl.Series([one["class_uid"] for one in alert.evidence], dtype=pl.Int32).unique()
    around = events.filter(
        pl.col("class_uid").is_in(classes.implode()) & pl.col("time").is_between(alert.begin, alert.end)
    )
    same = sights.filter((pl.col("kind") == entity.kind) & (pl.col("entity") == entity.value)).sort("rate", "end")
    oddest = same.unique("detector", keep="first", maintain_order=True)
    fits = oddest["detector"].is_in(list(FITS[kind])).to_numpy()
    return Explained(
        type=kind,
        found=found is not None,
        detector=alert.signals[0].detector,
        precise=_share(alert.events, of),
        shown=_share(shown, of),
        by_chance=_share(around["uid"].to_list(), of),
        complete=_share(sorted(of), set(alert.events)),
        named=alert.signals[0].detector in FITS[kind],
        at_random=float(fits.mean()),
        largest=bool(fits[int(np.argmax(oddest["value"].to_numpy()))]),
    )


def _share(uids: Sequence[str], of: set[str]) -> float:
    return float(np.mean([uid in of for uid in uids])) if uids else 0.0


def share(run: Organization, name: str) -> float:
    """The mean of one of the attributes of `Explained` over the alerts of an organization."""
    return float(np.mean([getattr(one, name) for one in run.explained]))


def true_only(run: Organization) -> Organization:
    """An organization with only the alerts that found an episode."""
    return replace(run, explained=tuple(one for one in run.explained if one.found))


def chosen(run: Organization) -> Organization:
    """An organization with only the alerts where it matters which signal is named: some fit the type, some do not."""
    return replace(run, explained=tuple(one for one in run.explained if 0 < one.at_random < 1))


def record(out: Path, seeds: Sequence[int] = SEEDS) -> None:
    """Measure the organizations that `out` does not hold yet, and write it after each.

    Raises:
        ValueError: for a file that holds something else.
    """
    runs = recorded(out) if out.exists() else []
    for seed in seeds:
        if seed not in {run.seed for run in runs}:
            runs = sorted([*runs, measure(seed)], key=lambda run: run.seed)
            command = f"residual-book why --out results/{out.name} --seeds {listed(seeds)}"
            write_record(out, {"command": command, "provenance": provenance(), "runs": [asdict(run) for run in runs]})


def recorded(path: Path = RESULT) -> list[Organization]:
    """The runs of a file that `record` wrote.

    Raises:
        ValueError: for a file that is missing or holds something else.
    """
    try:
        return [
            Organization(
                run["seed"], tuple(Explained(**one) for one in run["explained"]), run["others"],
                tuple((kind, share) for kind, share in run["covered"]),
            )
            for run in read_record(path)["runs"]
        ]  # fmt: skip
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path}: expected runs of {__name__}: {error!r}") from error


def stories(live: Live, types: Sequence[str]) -> list[Alert]:
    """Of each type, the first alert of an organization that found an episode of it and names what fits.

    Raises:
        ValueError: where there is none.
    """
    truth = attacks(live.labels)
    told: dict[str, Alert] = {}
    for alert in live.all_alerts:
        found = main_episode(alert.events, truth)
        if found is not None and alert.signals[0].detector in FITS[found[1]]:
            told.setdefault(found[1], alert)
    if missing := set(types) - set(told):
        raise ValueError(f"types must be of episodes that were found, got {', '.join(sorted(missing))}")
    return [told[kind] for kind in types]
