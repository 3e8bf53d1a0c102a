"""The figure of `book/start/why.md`."""

from collections.abc import Sequence

from residual_book.start.why.experiment import USE_CASE, Work
from residual_book.style import INK, PAPER, RESIDUAL, Drawing, figure, narrow, styled


@styled
def work_by_fields(works: Sequence[Work]) -> Drawing:
    """Multiply-adds per record against its number of fields: of both networks, and of the products between fields."""
    drawing, (axes,) = figure(height=3.6)
    fields = [work.fields for work in works]
    axes.plot(fields, [work.transformer for work in works], "s-", color=PAPER, label="transformer")
    axes.plot(fields, [work.pairs for work in works], ":", color=PAPER, label="of these, between pairs of fields")
    axes.plot(fields, [work.residual for work in works], "o-", color=RESIDUAL, label="residual network")
    axes.axvline(USE_CASE, color=INK, linewidth=1, linestyle="--", alpha=0.6)
    axes.set(xscale="log", yscale="log", xlabel="fields per record", ylabel="multiply-adds per record")
    ticks = [25, 100, 400, 1600] if narrow() else [25, 50, 100, 200, 400, 800, 1600]
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.minorticks_off()
    axes.legend(loc="upper left")
    alt = "Three lines on logarithmic axes. The residual network's rises slowly, the transformer's steeply from above it. A dotted line, the products between pairs of fields, is steeper still; it starts far below the transformer's and comes close to it only at the right edge."
    return Drawing(drawing, alt)
