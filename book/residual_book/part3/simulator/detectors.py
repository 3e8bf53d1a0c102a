"""Guard 5: what classifiers reach that are told the labels.

One that sees one event must fail where one that sees its surroundings succeeds. Told in `book/part3/simulator.md`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score

from residual_book.organizations import Array, Mask, Tables, raw_columns
from residual_book.part3.simulator.columns import Ranks
from residual_book.part3.simulator.windows import WINDOWS

ANY = "any of three classes"
# Where the events of each type are in the company of events of their kind.
WHERE = {
    "brute_force": "authentication",
    "spraying": "authentication",
    "valid_account": "authentication",
    "dns_tunnel": "dns_activity",
    "beacon": "network_activity",
    "exfiltration": "network_activity",
    "scan": "network_activity",
    "mining": "network_activity",
    "persistence": "api_activity",
    "impossible": ANY,
    "cascade": "application_error",
}
TEST, TRAIN = 4000, 1000  # normal events of each class and organization, to test on and to train on
VIEWS = ("sees one event", "sees its surroundings")
Precision = dict[str, dict[str, list[float]]]  # average precision by type and classifier, one per organization tested


@dataclass(frozen=True)
class Sample:
    """All labeled events of a class in one organization and some normal ones, the same number for each.

    Attributes:
        views: features of each event, as each classifier sees it.
        type: of episode; "" for normal events.
        attack: whether the event belongs to an attack, and to no twin.
        weight: how many events it stands for.
    """

    views: dict[str, pl.DataFrame]
    type: pl.Series
    attack: Mask
    weight: Array


def samples(tables: Tables, ranked: Mapping[str, Ranks], *, seed: int) -> dict[str, Sample]:
    """A sample of each class, and one of three of them together, in which pairs of values are all that is around."""
    found = {name: _sample(name, tables, ranked[name], seed) for name in WINDOWS}
    parts = [found[name] for name in ("authentication", "network_activity", "process_activity")]
    one, around = ([part.views[view] for part in parts] for view in VIEWS)
    views = (pl.concat(one, how="diagonal"), pl.concat([view.select("oddest") for view in around]))
    found[ANY] = Sample(
        dict(zip(VIEWS, views, strict=True)),
        pl.concat([part.type for part in parts]),
        np.concatenate([part.attack for part in parts]),
        np.concatenate([part.weight for part in parts]),
    )
    return found


def _sample(name: str, tables: Tables, ranks: Ranks, seed: int) -> Sample:
    table = tables[name]
    labeled = table["label.episode"].is_not_null().to_numpy()
    normal = np.flatnonzero(~labeled)
    chosen = np.random.default_rng(seed).permutation(normal)[:TEST]
    rows = np.concatenate([chosen, np.flatnonzero(labeled)])  # normal ones first, in no order
    weight = np.ones(len(rows))
    weight[: len(chosen)] = len(normal) / max(len(chosen), 1)
    surroundings = {key: values[rows] for key, values in WINDOWS[name](tables).items()}
    views = dict(zip(VIEWS, (one_event(table, ranks, rows), pl.DataFrame(surroundings)), strict=True))
    of = table[rows]
    return Sample(
        {key: view.cast(pl.Float32) for key, view in views.items()},
        of["label.type"].fill_null(""),
        of["label.attack"].to_numpy(),
        weight,
    )


def one_event(table: pl.DataFrame, ranks: Ranks, rows: np.ndarray) -> pl.DataFrame:
    """Every raw column of some events: its value, length, and frequency; and the hour and weekday.

    A text becomes a number that is the same in every organization.
    """
    some, features = table[rows], {}
    for name in raw_columns(table):
        column = some[name]
        if f"{name}_id" in table.columns or ranks[name].max() == ranks[name].min():
            continue  # the caption of an enumeration that is there as a number; or always the same
        features[f"{name} frequency"] = pl.Series(np.bincount(ranks[name])[ranks[name][rows]] / table.height)
        if column.dtype == pl.String:
            features[name] = column.hash(0) % (1 << 24)
            features[f"{name} length"] = column.str.len_bytes()
        else:
            features[name] = column.list.len() if isinstance(column.dtype, pl.List) else column
    moment = some["time"].cast(pl.Datetime("ms"))
    return pl.DataFrame(features | {"hour": moment.dt.hour(), "weekday": moment.dt.weekday()})


def compare(organizations: Sequence[Mapping[str, Sample]], *, types: Sequence[str] = tuple(WHERE)) -> Precision:
    """For each type and each half of the organizations, train on it and test on each of the other half."""
    return {kind: _compared([found[WHERE[kind]] for found in organizations], kind) for kind in types}


def _compared(organizations: Sequence[Sample], kind: str) -> dict[str, list[float]]:
    precision = {name: [0.0] * len(organizations) for name in (*VIEWS, "guesses")}
    for view in VIEWS:
        for half in (0, 1):
            known = [_rows(sample, kind, view, TRAIN) for sample in organizations[1 - half :: 2]]
            x, y = pl.concat([part[0] for part in known], how="diagonal"), np.concatenate([part[1] for part in known])
            columns = _different(x)
            # attacks are few: as often as it takes, so that there are as many rows of both kinds
            rows = np.concatenate([np.flatnonzero(~y), np.resize(np.flatnonzero(y), int((~y).sum()))])
            model = HistGradientBoostingClassifier(
                max_iter=20, learning_rate=0.25, max_leaf_nodes=8, max_bins=63, random_state=0
            )
            model.fit(x.select(columns).to_numpy()[rows], y[rows])
            for tested in range(half, len(organizations), 2):
                x, y, weight = _rows(organizations[tested], kind, view, TEST)
                shown = x.select(pl.col(c) if c in x.columns else pl.lit(None, pl.Float32).alias(c) for c in columns)
                score = model.predict_proba(shown.to_numpy())[:, 1]
                precision[view][tested] = float(average_precision_score(y, score, sample_weight=weight))
                precision["guesses"][tested] = float(weight[y].sum() / weight.sum())
    return precision


def _rows(sample: Sample, kind: str, view: str, normal: int) -> tuple[pl.DataFrame, Mask, Array]:
    """Features, labels, and weights of a sample without the attacks of other types, and with so many normal events."""
    labeled = (sample.type != "").to_numpy()
    kept = (~sample.attack | (sample.type == kind).to_numpy()) & (labeled | (np.cumsum(~labeled) <= normal))
    return sample.views[view].filter(kept), sample.attack[kept], sample.weight[kept]


def _different(features: pl.DataFrame) -> list[str]:
    """The features that vary, each once where several are the same."""
    kept: dict[bytes, str] = {}
    for column in features:
        if column.min() != column.max():
            kept.setdefault(column.to_numpy().tobytes(), column.name)
    return list(kept.values())
