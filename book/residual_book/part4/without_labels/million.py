"""A fit on a million events, recorded by `benchmarks/fitting.py`."""

from dataclasses import dataclass
from pathlib import Path

from residual_book.claims import glue_all, number
from residual_book.recording import RESULTS, recorded_runs
from residual_book.style import PLAIN, RESIDUAL, Drawing, figure, styled

RESULT = RESULTS / "fit-benchmark.json"


@dataclass(frozen=True)
class Fit:
    """What `residual fit` did, in one go and killed.

    Attributes:
        events, columns: of the organization; columns are those that some event fills.
        numbers, codes: that the network reads.
        passes: over the events.
        seconds: in one go, all stages.
        memory: largest resident memory of the process, in bytes.
        loss: on the last fifth of the events, before training and at equal distances along it.
        killed: seconds after which each process was killed.
        rest: seconds of the one that came to the end.
        same: whether its weights were those of the fit in one go.
    """

    events: int
    columns: int
    numbers: int
    codes: int
    passes: int
    seconds: float
    memory: int
    loss: tuple[float, ...]
    killed: tuple[float, ...]
    rest: float
    same: bool


def read(path: Path = RESULT) -> Fit:
    """The recorded fit, with its numbers for the prose."""
    (fit,) = recorded_runs(path, Fit)
    glue_all(
        million=number(fit.events), columns=number(fit.columns), minutes=fit.seconds / 60, gigabytes=fit.memory / 1e9,
        kills=number(len(fit.killed)), weights="the same" if fit.same else "other",
    )  # fmt: skip
    return fit


@styled
def curve(fit: Fit) -> Drawing:
    """The loss on the last fifth of the events along the training."""
    drawing, (axes,) = figure(height=2.6, stacked=2.6)
    passes = [fit.passes * place / (len(fit.loss) - 1) for place in range(len(fit.loss))]
    least = min(fit.loss)
    axes.plot(passes, fit.loss, color=RESIDUAL)
    axes.plot(passes[fit.loss.index(least)], least, "o", color=PLAIN, label="kept")
    axes.set(xlabel="passes over the first four fifths", ylabel="loss on the last fifth", yscale="log")
    axes.set_yticks([0.25, 0.5, 1, 2], ["0.25", "0.5", "1", "2"])
    axes.minorticks_off()
    axes.legend()
    alt = "A falling curve that flattens: loss on later events against passes, with a dot where it is lowest."
    return Drawing(drawing, alt)
