"""Every encoding of an event, measured on five organizations. Told in `book/part3/encoding.md`."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl
from sklearn.metrics import roc_auc_score

from residual.simulate import simulation
from residual.simulate.calendar import HOUR
from residual_book.organizations import Array, tables
from residual_book.part3.encoding import encodings, leakage
from residual_book.part3.encoding.encodings import Clock, Collision, Looks, Vocabulary
from residual_book.recording import spread

SEEDS = (0, 1, 2, 3, 4)
DAYS = 10  # a week from Monday to Sunday, and three days of the next
ABOUT = 8 * HOUR  # of a story, before its episode and after


@dataclass(frozen=True)
class Measured:
    """What one organization says of each encoding."""

    seed: int
    offices: dict[str, Clock]
    night: Clock
    collisions: list[Collision]
    sizes: dict[str, tuple[Array, Array]]  # by label: as they are, and encoded
    vocabularies: dict[str, Vocabulary]  # by code
    looks: Looks
    guessing: float  # AUC of the count of sign-ins for the events of brute force among those of its twin
    scanning: float  # AUC of the count of connections for the events of a scan among those of its twin
    stories: list[pl.DataFrame]  # of an attack, and of its benign twin
    foresight: dict[str, leakage.Foresight]  # by type of attack
    leaks: dict[str, dict[str, float]]  # AUC by class and by what leaks

    def gain(self, arm: str) -> float:
        """What the detector gains from a leak, the mean over classes."""
        return float(np.mean([auc[arm] - auc["past only"] for auc in self.leaks.values()]))


def measure(seeds: Iterable[int] = SEEDS) -> list[Measured]:
    """One organization from each seed."""
    return spread(measured, [(seed,) for seed in seeds], bar="organizations")


def measured(seed: int) -> Measured:
    """All encodings on a small organization; it has more episodes than usual, to measure on."""
    data = tables(simulation(users=40, days=DAYS, seed=seed, episodes=15.0))
    views = leakage.contexts(data)
    sign_ins, (past, _) = data["authentication"], views["authentication"]
    connections, (sources, _) = data["network_activity"], views["network_activity"]
    return Measured(
        seed=seed,
        offices=encodings.offices(data),
        night=encodings.night(data),
        collisions=encodings.collisions(data),
        sizes=encodings.sizes(data),
        vocabularies=encodings.vocabularies(data),
        looks=encodings.looks(data),
        guessing=against_twin(sign_ins, past["context.user.count_1h"], "brute_force"),
        scanning=against_twin(connections, sources["context.source.count_1h"], "scan"),
        stories=[story(sign_ins, past, twin=twin) for twin in (False, True)],
        foresight=leakage.foresight(data, views),
        leaks={name: leakage.leaks(name, data, views, seed=seed) for name in leakage.COLUMNS},
    )


def story(table: pl.DataFrame, past: pl.DataFrame, *, twin: bool) -> pl.DataFrame:
    """The sign-ins of the user who is struck by the middle one of the brute-force attacks, by number, or of the twins.

    `table` has all sign-ins with labels in order of time, and `past` their context. Each sign-in gets its `hours`
    since the episode began, the `count` that the user had in the hour before, and whether it is `inside` the episode.
    """
    own = table.filter((pl.col("label.type") == "brute_force") & (pl.col("label.twin") == twin))
    episodes = own["label.episode"].unique().sort()
    episode = episodes[len(episodes) // 2]
    events = own.filter(pl.col("label.episode") == episode)
    user, begin, end = events["user.name"].mode().sort()[0], events["time"][0], events["time"][-1]
    near = table["time"].is_between(begin - ABOUT, end + ABOUT) & (table["user.name"] == user)
    hours, inside = (pl.col("time") - begin) / HOUR, pl.col("label.episode").eq_missing(episode)
    return table.select(hours=hours, count=past["context.user.count_1h"].fill_null(0), inside=inside).filter(near)


def against_twin(table: pl.DataFrame, feature: pl.Series, kind: str) -> float:
    """AUC of one feature, where null counts as 0, for events of a type of attack among those of its benign twins."""
    own = (table["label.type"] == kind).fill_null(False)
    score = feature.cast(pl.Float64).fill_null(0)
    return float(roc_auc_score(table["label.attack"].filter(own), score.filter(own)))
