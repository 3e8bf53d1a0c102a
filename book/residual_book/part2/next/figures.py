"""The figures of `book/part2/next.md`."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.patches import Rectangle

from residual_book.part2.next.limits import NETS, Field
from residual_book.part2.next.resolution import MIXED, TESTED, TRAINED, SizeRun, select
from residual_book.style import INK, OTHER, PAPER, PLAIN, RESIDUAL, Drawing, Look, figure, seed_lines, styled

# How nets were trained and tested: their name, the sizes in training, and how they look.
ONE_SIZE = ("trained at one size", (TRAINED,), Look(PLAIN, "o"))
MIXED_SIZES = ("trained at mixed sizes", MIXED, Look(RESIDUAL, "s"))
BROUGHT_BACK = ("one size, images brought back", (TRAINED,), Look(OTHER[0], "v"))


@styled
def field_and_growth(fields: Sequence[Field]) -> Drawing:
    """One field with squares around its middle; beside it, what share lies within a square, and of a Gaussian."""
    drawing, (left, right) = figure(2, height=3.7)
    runs = {net: [field for field in fields if field.net == net] for net in NETS}
    first = runs["ResNet-50"][0]
    half, gradient = len(first.energy) / 2, (first.energy / first.energy.max()).sqrt().numpy()
    left.imshow(gradient, cmap="Blues", extent=(-half, half) * 2, interpolation="nearest")
    for name, side, style in (("all", first.theoretical, "-"), ("95%", first.effective, "--")):
        left.add_patch(Rectangle((-side / 2, -side / 2), side, side, fill=False, color=PLAIN, linestyle=style, lw=1.6))
        left.text(0, side / 2 - 6, name, color="black", ha="center", va="top", fontsize=8.5)
    left.grid(False)
    left.set(title="gradient at each pixel", xlabel="pixels from the middle")
    for (name, seeds), color in zip(runs.items(), (RESIDUAL, PLAIN), strict=True):
        sides = 2 * np.arange(len(seeds[0].within)) + 1
        seed_lines(right, sides, [field.within for field in seeds], color=color, linewidth=1.4, alpha=0.8, label=name)
        right.plot(sides, seeds[0].gaussian, "--", color=color, linewidth=1.2, label=f"{name}, Gaussian")
    right.axhline(0.95, color=INK, linewidth=1, linestyle=":")
    right.set(title="share within a square", xlabel="side of the square (pixels)", ylim=(0, 1.03), xlim=(0, 450))
    right.legend(fontsize=9, loc="lower right")
    alt = "A blue spot that fades from the middle, with a dashed square around most of it and a solid one more than twice as wide. Beside it, curves for ResNet-18 and ResNet-50 that reach 0.95 at about 190 pixels and follow dashed Gaussian curves."
    return Drawing(drawing, alt)


@styled
def errors_by_size(runs: Sequence[SizeRun]) -> Drawing:
    """Test error against the size of the images, without and with new statistics: means, and one dot per seed."""
    panels = {
        "batch norm as trained": ((ONE_SIZE, "errors"), (MIXED_SIZES, "errors"), (BROUGHT_BACK, "brought_back")),
        "its statistics taken anew": ((ONE_SIZE, "with_statistics"), (MIXED_SIZES, "with_statistics")),
    }
    drawing, both = figure(2, height=3.6, share_y=True)
    for axes, (title, lines) in zip(both, panels.items(), strict=True):
        for (name, sizes, look), field in lines:
            errors = [[getattr(run, field)[size] for size in TESTED] for run in select(runs, sizes)]
            axes.plot(TESTED, np.mean(errors, axis=0), color=look.color, label=name)
            axes.plot(TESTED, np.transpose(errors), look.marker, color=look.color, alpha=0.7, markersize=4.5)
        axes.set(title=title, xlabel="size of the test images (pixels)", xticks=TESTED, ylim=(-3, 103))
    both[0].set_ylabel("error (%)")
    drawing.legend(*both[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9)
    alt = "Two panels of error against image sizes 8 to 32. Left: trained at one size, the error is near zero at 16 and rises steeply on both sides; trained at mixed sizes it is lower but rises too; images brought back stay near zero. Right: with new statistics, mixed sizes stay near zero up to 24."
    return Drawing(drawing, alt)


@styled
def parameters_by_part(family: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Drawing:
    """One bar per network, divided into its parts' shares of the parameters; shares from 10% on are written."""
    drawing, (axes,) = figure(height=3.2)
    colors = (INK, OTHER[2], OTHER[0], RESIDUAL, PLAIN, PAPER)  # from the stem to the head
    for row, parts in enumerate(family.values()):
        left = 0.0
        for (part, shares), color in zip(parts.items(), colors, strict=True):
            share = shares["parameters"]
            axes.barh(row, share, 0.7, left=left, color=color, label=None if row else part)
            if share >= 10:
                axes.text(left + share / 2, row, f"{share:.0f}", color="white", ha="center", va="center", weight="bold")
            left += share
    axes.set(xlabel="share of the parameters (%)", xlim=(0, 100), ylim=(len(family) - 0.5, -0.5))
    axes.set_yticks(range(len(family)), list(family))
    axes.grid(visible=False)
    legend = axes.get_legend_handles_labels()
    drawing.legend(*legend, loc="outside upper center", ncols=6, fontsize=9, columnspacing=1.2)
    third, fourth = (
        ", ".join(f"{net} {parts[stage]['parameters']:.0f}%" for net, parts in family.items())
        for stage in ("stage 3", "stage 4")
    )
    return Drawing(drawing, f"Five bars. Share of stage 4: {fourth}. Share of stage 3: {third}.")
