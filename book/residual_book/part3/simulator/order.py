"""Work has an order: how unusual calls are by their caller's own past, and how often the order of an attack is normal.

An organization of the usual size, as bare decisions, before records are made of them. Told in
`book/part3/simulator.md`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from sklearn.metrics import roc_auc_score

from residual.simulate import Simulation, simulation, words
from residual.simulate.activity import GROUPS, normal_day
from residual.simulate.activity.work import work
from residual.simulate.calendar import DAY, HOUR, START
from residual.simulate.seeds import generator
from residual.simulate.workflows import CALL
from residual_book.organizations import Array
from residual_book.part3.simulator.habits import in_order, surprisal

SIZE: Mapping[str, Any] = {"users": 80, "days": 14}
KNOWN = 7  # days of a caller's past, before calls are judged by it
NAMES = pl.Series([row[1] for row in words.OPERATIONS])


@dataclass(frozen=True)
class Order:
    """What the order of calls says in one organization.

    Attributes:
        surprisal: of each call of the second week, by its caller's earlier days, of "normal work", "attack" and "twin".
        attack: AUC of that, for calls of attacks among those of normal work.
        twin: the same for calls of benign twins.
        alone: AUC of how rare the operation of an attack's call is, for that call alone.
        per_day: how many people, and accounts, a day complete the order of the attack within six hours in normal work.
    """

    seed: int
    surprisal: dict[str, Array]
    attack: float
    twin: float
    alone: float
    per_day: float


def order(seed: int) -> Order:
    """Judge every call of an organization by its caller's past."""
    made = simulation(seed=seed, **SIZE)
    every = calls(made)
    late = every["time"].to_numpy() >= START + KNOWN * DAY
    seen = dict(every.filter(~late)["operation"].value_counts().iter_rows())
    rarity = -every["operation"].replace_strict(seen, default=0, return_dtype=pl.Int64).to_numpy()
    odd, whose = surprisal(every), every["whose"].to_numpy()
    normal = late & (whose == "normal work")

    def auc(score: Array, which: str) -> float:
        judged = normal | (late & (whose == which))
        return float(roc_auc_score(whose[judged] == which, score[judged]))

    work = every.filter(whose == "normal work")
    last = (pl.col("operation") == NAMES[words.PERSISTENCE[-1]]) & pl.Series(in_order(work)[0] > 0)
    completed = work.filter(last).select("user", pl.col("time") // DAY).n_unique()
    return Order(
        seed=seed,
        surprisal={str(name): odd[late & (whose == name)] for name in ("normal work", "attack", "twin")},
        attack=auc(odd, "attack"),
        twin=auc(odd, "twin"),
        alone=auc(rarity.astype(np.float64), "attack"),
        per_day=completed / made.org.days,
    )


def calls(made: Simulation) -> pl.DataFrame:
    """All calls in order of time: `user`, `operation`, `time`, and `whose` they are.

    Each is of "normal work", of an "attack" of type persistence or its "twin", or of "others".
    """
    normal = pl.concat(normal_day(made.org, day)["calls"] for day in range(made.org.days))
    injected = made.plan.decisions["calls"]
    kind = pl.when("twin").then(pl.lit("twin")).otherwise(pl.lit("attack"))
    whose = pl.when(pl.col("type") == "persistence").then(kind).otherwise(pl.lit("others"))
    ours = made.plan.episodes.select(whose=whose)["whose"].gather(injected["episode"])
    columns = pl.col("user", "operation", "time")
    every = pl.concat([normal.select(columns, whose=pl.lit("normal work")), injected.select(columns, whose=ours)])
    every = every.filter(pl.col("time") < START + made.org.days * DAY).sort("time", maintain_order=True)
    return every.with_columns(operation=NAMES.gather(every["operation"]))


def stretch(seed: int) -> pl.DataFrame:
    """An attack among its actor's work: `hour` of the day, `operation`, and the `run` of a task, -1 for the attack.

    Of all attacks, the one with most tasks of its actor around it.
    """
    made = simulation(seed=seed, **SIZE)
    injected = made.plan.decisions["calls"].rename({"episode": "row"})
    found = pl.concat([injected, made.plan.episodes[injected["row"]]], how="horizontal")
    found = found.filter((pl.col("type") == "persistence") & ~pl.col("twin"))
    stretches = []
    for own in found.partition_by("episode", maintain_order=True):
        begin, end = own["time"].to_numpy()[[0, -1]]
        day = int((begin - START) // DAY)
        steps = work(made.org, day, generator(made.org.seed, "activity", day, len(GROUPS)))
        normal = steps.filter((pl.col("kind") == CALL) & (pl.col("user") == own["user"][0]))
        attack = own.select("time", run=pl.lit(-1, pl.Int64), what="operation")
        both = pl.concat([normal.select("time", "run", "what"), attack]).sort("time")
        around = both.filter(pl.col("time").is_between(begin - HOUR // 2, end + HOUR // 2))
        hour = (pl.col("time") - START - day * DAY) / HOUR
        stretches.append(around.select("run", hour=hour, operation=NAMES.gather(around["what"])))
    return max(stretches, key=lambda calls: calls["run"].n_unique() if calls.height < 40 else 0)
