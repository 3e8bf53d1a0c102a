"""What an entity does next, expected by its own past and by a network that changes that: experiment and record.

Told in `book/part4/without-labels.md`. Days 0 to 6 are past alone, days 7 to 10 fit the rivals and train the networks,
days 11 to 13 stop the training, and all later days test. Everything that is known of an entity grows with each window.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from residual import simulate
from residual.simulate.calendar import HOUR, START
from residual.tabular.expectation import Expectation, Rival, Rows, learn, log_score, rows_of, surprise
from residual.tabular.past import Past, look_back
from residual.training import Recipe
from residual_book.evaluation.alerts import SCORED
from residual_book.evaluation.calibration import calibrated
from residual_book.evaluation.outcome import Outcome, judge
from residual_book.evaluation.watched import DAYS, USERS, Watched, watch
from residual_book.part4.without_labels.panels import COLUMNS, Panel, panels
from residual_book.recording import RESULTS, alone, listed, record_all, recorded_runs
from residual_book.stats import Interval, mean_interval

SEEDS = (50, 51, 52, 53, 54)  # of the recording, never looked at before
RESULT = RESULTS / "expectation.json"
RECIPE = Recipe(epochs=16, batch_size=256, peak_lr=1e-3, weight_decay=1.0)
FIT, STOP, TEST = range(7, 11), range(11, 14), range(14, DAYS)
RIVALS = ("own mean", "seasonal mean")
ARMS = {  # what is expected by
    "own mean": "the entity's own mean",
    "seasonal mean": "its seasonal mean",
    "network": "the network with the seasonal mean in its skip path",
    "linear": "one linear layer in place of the network",
    "without skip": "the network without the skip path",
    "without past": "the network without the recent past",
}
VOLUME, COUNTING = "volume, from the bar", "counting by the hour, from the bar"
CLOCK = 4  # the last numbers of a row
FLOOR = -2.0  # a score that a hundred entities per day have can be no alert
RARE = 3.0  # of a surprise: one window in a thousand, if expectations are right


@dataclass(frozen=True)
class Run:
    """All arms on one organization. Tuples over features have the order of `feature`.

    Attributes:
        seed: of the organization.
        feature: panel and feature.
        windows: number of windows that a feature was tested on.
        score: by arm, the mean log score of each feature on the test days.
        rare: by arm, the share of windows with a surprise of `RARE` or more.
        curve: by panel, the loss on the days that stop the training: before it, and after each pass.
        curve_without: the same without the skip path.
        outcome: what was found by the surprise of each rival and of the network.
    """

    seed: int
    feature: tuple[str, ...]
    windows: tuple[int, ...]
    score: dict[str, tuple[float, ...]]
    rare: dict[str, tuple[float, ...]]
    curve: dict[str, tuple[float, ...]]
    curve_without: dict[str, tuple[float, ...]]
    outcome: tuple[Outcome, ...]

    def __post_init__(self) -> None:
        read = tuple(Outcome(**o) if isinstance(o, dict) else o for o in self.outcome)
        object.__setattr__(self, "outcome", read)


@dataclass(frozen=True)
class Fitted:
    """A panel with the expectations of all arms: Past, and by arm (E, N, F, 3); the curves by arm."""

    panel: Panel
    past: Past
    expected: dict[str, Tensor]
    curves: dict[str, tuple[float, ...]]

    def days(self, days: range) -> Tensor:
        """Which windows lie in some days, bool (N,)."""
        day = FIT.start + torch.arange(self.past.values.shape[1]) * self.panel.hours // 24
        return (day >= days.start) & (day < days.stop)

    @property
    def tested(self) -> Tensor:
        """Of all windows of all entities, bool (E, N)."""
        return self.past.seen & self.days(TEST)


def observe(seed: int, *, users: int = USERS, days: int = DAYS) -> Watched:
    return watch(simulate.simulation(users=users, days=days, seed=seed), COLUMNS)


def linear(net: Expectation) -> Expectation:
    """The same with one linear layer in place of the network."""
    net.branch, net.output = nn.Identity(), nn.Linear(net.scale.num_features, 3 * len(net.sums))  # type: ignore[assignment]  # declared as a network
    nn.init.zeros_(net.output.weight)
    nn.init.zeros_(net.output.bias)
    return net


def fitted(panel: Panel, arms: Sequence[str] = tuple(ARMS), *, seed: int) -> Fitted:
    """Fit rivals and train networks on one panel."""
    past = look_back(panel.values, panel.peers, panel.hour, panel.sums)
    fit = Fitted(panel, past, {}, {})
    early, later = fit.days(FIT), fit.days(STOP)
    with alone(seed):
        for arm in RIVALS:
            rival = Rival(panel.sums, seasonal=arm == "seasonal mean").fit(past, early)
            fit.expected[arm] = rival(past)
        base = fit.expected["seasonal mean"]
        for arm in (arm for arm in arms if arm not in RIVALS):
            known = past if arm != "without past" else past._replace(numbers=past.numbers[..., -CLOCK:])
            net = Expectation(panel.sums, known.numbers.shape[-1], skip=arm != "without skip")
            net = linear(net) if arm == "linear" else net
            rows, validation = (rows_of(known, base, some) for some in (early, later))
            if arm == "without skip":  # it starts from what is expected on average, or would spend its time on that
                net.output.bias.data = rows.base.flatten(1).mean(0)
            fit.curves[arm] = tuple(learn(net, rows, validation, RECIPE, progress=False).valid_loss)
            with torch.no_grad():
                every = Rows(base.flatten(0, 1), known.numbers.flatten(0, 1), past.values.flatten(0, 1))
                fit.expected[arm] = net.eval()(every).view(base.shape)
    return fit


def measured(seed: int, fits: Sequence[Fitted], outcome: Sequence[Outcome] = ()) -> Run:
    """Log scores on the test days."""
    arms = list(fits[0].expected)

    def by_arm(value: Callable[[Tensor, Tensor, Tensor], Tensor]) -> dict[str, tuple[float, ...]]:
        return {
            arm: tuple(
                x
                for f in fits
                for x in value(f.expected[arm][f.tested], f.past.values[f.tested], f.panel.sums).mean(0).tolist()
            )
            for arm in arms
        }

    def curves(arm: str) -> dict[str, tuple[float, ...]]:
        return {name_of(f.panel): f.curves[arm] for f in fits if arm in f.curves}

    return Run(
        seed=seed,
        feature=tuple(f"{name_of(f.panel)}: {feature}" for f in fits for feature in f.panel.features),
        windows=tuple(int(f.tested.sum()) for f in fits for _ in f.panel.features),
        score=by_arm(log_score),
        rare=by_arm(lambda *args: (surprise(*args) >= RARE).double()),
        curve=curves("network"),
        curve_without=curves("without skip"),
        outcome=tuple(outcome),
    )


def name_of(panel: Panel) -> str:
    return " and ".join(panel.entities)


def windows(fit: Fitted, arm: str) -> pl.DataFrame:
    """The windows of a panel in which something happened, as a rival hands them in (`alerts.SCORED`)."""
    panel, past = fit.panel, fit.past
    odd = surprise(fit.expected[arm].flatten(0, 1), past.values.flatten(0, 1), panel.sums).view(past.values.shape)
    tables = []
    for number in range(len(panel.features)):
        entity, window = (past.seen & (past.values[..., number] > 0)).nonzero(as_tuple=True)
        begin = START + (window.numpy() + past_windows(panel)) * panel.hours * HOUR
        names = panel.names[entity.numpy()]
        table = pl.DataFrame(
            {
                "begin": begin,
                "end": begin + panel.hours * HOUR,
                "kind": [panel.entities[0]] * len(begin),
                "value": names[panel.entities[0]],
                "other_kind": pl.Series(panel.entities[1:] * len(begin) or [None] * len(begin), dtype=pl.String),
                "other_value": names[panel.entities[1]] if len(panel.entities) > 1 else [None] * len(begin),
                "score": odd[entity, window, number].numpy(),
            },
            schema=SCORED,
        )
        tables.append(calibrated(table).filter(pl.col("score") > FLOOR))
    return pl.concat(tables)


def past_windows(panel: Panel) -> int:
    """Those of the first week, that no expectation is made for."""
    return FIT.start * 24 // panel.hours


def experiment(seed: int, *, checkpoint: Path | None = None) -> Run:
    """All arms on all panels of one organization."""
    watched = observe(seed)
    fits = [fitted(panel, seed=seed) for panel in panels(watched.events, DAYS)]
    outcomes = [
        judge(pl.concat(windows(fit, arm) for fit in fits), watched.truth, rival=arm, seed=seed)
        for arm in (*RIVALS, "network")
    ]
    return measured(seed, fits, outcomes)


def record(out: Path, seeds: Sequence[int] = SEEDS, workers: int = 1) -> None:
    """Measure the organizations that `out` does not hold yet; called again, go on where it was cut off."""
    record_all(
        out,
        {(seed,): partial(experiment, seed) for seed in seeds},
        Run,
        key=lambda run: (run.seed,),
        command=lambda keys: (
            f"residual-book expectation --out results/{out.name} --seeds {listed(seed for (seed,) in keys)}"
        ),
        label="organizations",
        recipe=RECIPE,
        workers=workers,
        users=USERS,
        days=DAYS,
    )


def gains(runs: Sequence[Run], arm: str = "network", over: Sequence[str] = RIVALS) -> dict[str, Interval]:
    """By feature, how much higher the log score of an arm is than the highest of others, over organizations."""
    return {
        name: mean_interval([run.score[arm][i] - max(run.score[other][i] for other in over) for run in runs])
        for i, name in enumerate(runs[0].feature)
    }


def better(run: Run, arm: str = "network", over: Sequence[str] = RIVALS) -> float:
    """The share of features that an arm expects better than every one of others."""
    best = np.max([run.score[other] for other in over], axis=0)
    return float((np.array(run.score[arm]) > best).mean())


def detectors(runs: Sequence[Run], bar: Path = RESULTS / "bar.json") -> dict[str, list[Outcome]]:
    """What was found by surprise, and on the same organizations by the rivals of the bar, which are recorded."""
    by_surprise = {
        arm: [next(o for o in run.outcome if o.rival == arm) for run in runs] for arm in (*RIVALS, "network")
    }
    rivals = [outcome for outcome in recorded_runs(bar, Outcome) if outcome.rate == "default"]
    of_bar = {
        name: [next(o for o in rivals if (o.rival, o.seed) == (rival, run.seed)) for run in runs]
        for name, rival in ((VOLUME, "V"), (COUNTING, "B"))
    }
    return by_surprise | of_bar
