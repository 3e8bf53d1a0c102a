"""Recorded benchmarks, read back and drawn: how many times as fast as its peer an arm was.

Told in `book/part2/training.md`, `book/part2/running.md` and `book/appendix/jax.md`. `benchmarks/parts/turns.py` measures and writes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from residual_book.recording import read_record
from residual_book.stats import Interval, median_interval
from residual_book.style import INK, OTHER, RESIDUAL, Drawing, figure, styled


@dataclass(frozen=True)
class Speed:
    """One arm of one comparison.

    Attributes:
        job: what was run, such as "inference".
        net: of which network, such as "resnet50".
        images: in a batch.
        threads: that torch used.
        peer: the arm that the others were measured against.
        arm: what was measured.
        median_ms: milliseconds per run, the median over rounds.
        times_as_fast: time of the peer over that of the arm in the same round: median over rounds, with its interval.
        seconds: per run, one number per round, in rounds in which all arms of a comparison took turns.
    """

    job: str
    net: str
    images: int
    threads: int
    peer: str
    arm: str
    median_ms: float
    times_as_fast: Interval
    seconds: tuple[float, ...]

    @property
    def network(self) -> str:
        """The name of the net for readers, such as "ResNet-50"."""
        return self.net.replace("resnet", "ResNet-")

    def time_over(self, peer: "Speed") -> Interval:
        """Time of this arm over that of `peer` in the same round: the median over rounds, with its interval."""
        return median_interval([own / other for own, other in zip(self.seconds, peer.seconds, strict=True)])


def recorded_speeds(path: Path) -> list[Speed]:
    """All arms of all comparisons of a recorded benchmark, peers included.

    Raises:
        ValueError: for a file that is missing or holds something else.
    """
    speeds = []
    try:
        for run in read_record(path)["runs"]:
            comparison = {name: run[name] for name in ("job", "net", "images", "threads", "peer")}
            for arm, measured in run["arms"].items():
                ratio, seconds = Interval(**measured["times_as_fast_as_peer"]), tuple(measured["seconds"])
                speeds.append(
                    Speed(**comparison, arm=arm, median_ms=measured["median_ms"], times_as_fast=ratio, seconds=seconds)
                )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: expected a benchmark's comparisons: {error!r}") from error
    return speeds


def notes(path: Path, job: str, net: str) -> dict[str, float]:
    """What else was written down beside the comparison of `net` at `job`.

    Raises:
        ValueError: for a file that is missing or holds no such comparison.
    """
    for run in read_record(path)["runs"]:
        if (run.get("job"), run.get("net")) == (job, net):
            return dict(run["notes"])
    raise ValueError(f"{path}: expected a comparison of {net} at {job!r}, it has none")


@styled
def times_as_fast(speeds: Sequence[Speed], alt: str) -> Drawing:
    """One panel per batch size, one row per arm, one color per network; all arms of `speeds` have one peer."""
    (peer,) = {speed.peer for speed in speeds}
    measured = [speed for speed in speeds if speed.arm != peer]
    arms, nets, batches = (
        list(dict.fromkeys(getattr(s, name) for s in measured)) for name in ("arm", "network", "images")
    )
    drawing, panels = figure(len(batches), height=0.9 + 0.5 * len(arms), share_y=True)
    for axes, images in zip(panels, batches, strict=True):
        for i, net in enumerate(nets):
            shown = [speed for speed in measured if (speed.network, speed.images) == (net, images)]
            rows = [arms.index(speed.arm) + 0.24 * (i - (len(nets) - 1) / 2) for speed in shown]
            ratios, color = [speed.times_as_fast for speed in shown], (RESIDUAL, *OTHER)[i]
            axes.hlines(rows, [r.low for r in ratios], [r.high for r in ratios], color=color, linewidth=4, alpha=0.45)
            axes.plot([r.estimate for r in ratios], rows, "o", color=color, label=net)
        axes.axvline(1, color=INK, linewidth=1)
        title = f"{images} image" if images == 1 else f"{images} images"
        axes.set(title=title, xlabel=f"times as fast as {peer}", ylim=(len(arms) - 0.5, -0.5))
    panels[0].set_yticks(range(len(arms)), arms)
    drawing.legend(*panels[-1].get_legend_handles_labels(), loc="outside upper right", ncols=len(nets))
    return Drawing(drawing, alt)
