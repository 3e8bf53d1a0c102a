"""The figures and the table of `book/part2/running.md`."""

from collections.abc import Sequence

from IPython.display import Markdown

from residual_book.part2.running.experiment import Distances, fastest
from residual_book.speeds import Speed, times_as_fast
from residual_book.style import INK, OTHER, PLAIN, RESIDUAL, Drawing, Look, figure, styled, table

ALLOWED = 1e-4  # of the largest logit, by which an exported one may differ
WAYS = (
    ("rounding", Look(PLAIN, "o"), "PyTorch in double precision"),
    ("folded", Look(OTHER[0], "D"), "PyTorch, batch norm folded"),
    ("exported", Look(RESIDUAL, "s"), "ONNX Runtime"),
)


@styled
def distances(measured: Sequence[Distances]) -> Drawing:
    """How far each net's logits are from torch's by each way, one dot per seed, and a line at what is allowed."""
    drawing, (axes,) = figure(height=3.4)
    names = list(dict.fromkeys(run.net for run in measured))
    for (field, look, label), shift in zip(WAYS, (-0.18, 0, 0.18), strict=True):
        for i, name in enumerate(names):
            seeds = [getattr(run, field) for run in measured if run.net == name]
            label_once = None if i else f"from {label}"
            axes.plot([i + shift] * len(seeds), seeds, look.marker, color=look.color, alpha=0.75, label=label_once)
    axes.axhline(ALLOWED, color=INK, linewidth=1, linestyle=":")
    axes.annotate("what we allow", (-0.35, ALLOWED), (0, -14), color=INK, textcoords="offset points", size=9.5)
    axes.set_xticks(range(len(names)), names)
    axes.set(ylabel="difference over the largest logit", yscale="log", xlim=(-0.4, len(names) - 0.6), ylim=(3e-8, 1e-2))
    axes.legend(loc="upper left")
    alt = "Difference from PyTorch's logits over the largest logit, on a logarithmic scale, for four nets. Double precision, folding and ONNX Runtime lie within about a factor of ten of each other, and well below the line of what is allowed."
    return Drawing(drawing, alt)


def speeds(measured: Sequence[Speed]) -> Drawing:
    """How many times as fast as torchvision's networks each way gave its logits, on two threads."""
    two = [speed for speed in measured if speed.threads == 2]
    said = "; ".join(
        f"{s.arm}, {s.network}, {s.images}: {s.times_as_fast.estimate:.2f}" for s in two if s.arm != s.peer
    )
    return times_as_fast(
        two, f"Dots with intervals, as many times as fast as torchvision, by number of images: {said}."
    )


def speed_table(measured: Sequence[Speed]) -> Markdown:
    """One row per way under each number of threads, one column per net and batch; the fastest of each is bold."""
    columns = list(dict.fromkeys((s.net, s.network, s.images) for s in measured))
    cells = {(s.arm, s.threads, s.net, s.images): s for s in measured}
    rows = []
    for threads in sorted({s.threads for s in measured}):
        rows.append([f"*{threads} thread{'s' if threads > 1 else ''}*", *[""] * len(columns)])
        for arm in dict.fromkeys(s.arm for s in measured):
            row = [arm]
            for net, _, images in columns:
                s = cells.get((arm, threads, net, images))
                row.append("" if s is None else _cell(s, best=s == fastest(measured, net, images, threads)))
            rows.append(row)
    heads = [f"{network},<br>{images} image{'s' if images > 1 else ''}" for _, network, images in columns]
    return table(["Way", *heads], rows)


def _cell(speed: Speed, *, best: bool) -> str:
    if speed.arm == speed.peer:
        return f"{speed.median_ms:.0f} ms"
    ratio = speed.times_as_fast
    text = f"{ratio.estimate:.2f}<br>({ratio.low:.2f} to {ratio.high:.2f})"  # on two lines, for the column is narrow
    return f"**{text}**" if best else text
