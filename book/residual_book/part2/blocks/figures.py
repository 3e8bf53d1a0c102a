"""The figures and the table of `book/part2/blocks.md`."""

import math
from collections.abc import Mapping, Sequence

from IPython.display import Markdown
from torch import Tensor

from residual.probes.cost import Cost
from residual_book.part2.blocks.experiment import unseen, weights
from residual_book.sights import sights, weight_bars
from residual_book.style import OTHER, PAPER, PLAIN, RESIDUAL, Drawing, figure, narrow, styled, table


def _sees(block: Cost) -> str:
    side = block.receptive_field[0]
    return "all features" if math.isinf(side) else f"{side}x{side} pixels"


@styled
def weights_by_block(costs: Mapping[str, Cost]) -> Drawing:
    """One bar per block: its weights, and how far one of its outputs sees."""
    drawing, (axes,) = figure(height=3.0, stacked=3.7)
    bars = {name: (weights(block), _sees(block)) for name, block in costs.items()}
    weight_bars(axes, bars, lambda name: RESIDUAL if "bottleneck" in name else PLAIN if "basic" in name else PAPER)
    axes.set(
        xlabel="weights of convolutions or linear layers",
        xlim=(0, (2.2 if narrow() else 1.75) * max(map(weights, costs.values()))),
    )
    axes.set_xticks([0, 1_000_000] if narrow() else [0, 500_000, 1_000_000])
    axes.xaxis.set_major_formatter(lambda value, _: f"{value / 1e6:g} million" if value else "0")
    alt = "Bars. The basic block at 256 channels has by far the most weights, a single convolution half of that. The bottleneck and the basic block at 64 channels are short and almost equal. Of linear layers, the bottleneck has less than a third."
    return Drawing(drawing, alt)


def costs(blocks: Mapping[str, Cost]) -> Markdown:
    """One row per block."""
    rows = [
        [name, *(f"{n:,}" for n in (weights(b), b.totals["parameters"], b.totals["multiply_adds"])), _sees(b)]
        for name, b in blocks.items()
    ]
    return table(["Block", "Weights", "With batch norm", "Multiply-adds", "Sees"], rows)


def choice(blocks: Mapping[str, Cost], names: Sequence[str]) -> Markdown:
    """Two blocks side by side, one row for each thing that may decide between them."""
    chosen = [blocks[name] for name in names]
    totals = {name: [block.totals[name] for block in chosen] for name in ("multiply_adds", "activations")}
    layers = [[layer for layer in block.layers if layer.multiply_adds] for block in chosen]
    rows: list[tuple[str, list[object]]] = [
        ("channels that it hands on", [of_block[-1].shape[0] for of_block in layers]),
        ("layers with weights", [len(of_block) for of_block in layers]),
        ("weights", [f"{weights(block):,}" for block in chosen]),
        ("multiply-adds", [f"{n:,}" for n in totals["multiply_adds"]]),
        ("numbers kept for the way back", [f"{n:,}" for n in totals["activations"]]),
        ("sees", [_sees(block) for block in chosen]),
    ]
    return table(["", *names], [[name, *values] for name, values in rows])


@styled
def central_unit(maps: Mapping[str, Tensor]) -> Drawing:
    """What the unit in the middle sees through either branch."""
    return sights(
        maps,
        "Two grids of nine by nine pixels. Left, five by five pixels in the middle are filled, darkest at the center. "
        "Right, three by three.",
    )


@styled
def strided(maps: Mapping[str, Tensor]) -> Drawing:
    """What strided branches and their skip use of their input, and the share that they do not use."""
    shown = ("V1 branch", "V1.5 branch", "skip of either")
    return sights(
        {f"{name}:\n{unseen(maps[name]):.0%} unseen": maps[name] for name in shown},
        "Three grids of twelve by twelve pixels. Left and right, only every other pixel of every other row is filled. "
        "In the middle all are.",
    )


@styled
def added_parameters(by_option: Mapping[str, Mapping[str, int]]) -> Drawing:
    """For each network one bar per option: percent of parameters that the option adds to those of option A."""
    drawing, (axes,) = figure(height=3.2)
    added = {option: [100 * (p[option] / p["A"] - 1) for p in by_option.values()] for option in "BC"}
    for option, color, shift in (("B", RESIDUAL, -0.18), ("C", OTHER[1], 0.18)):
        rows = [row + shift for row in range(len(by_option))]
        axes.barh(rows, added[option], height=0.34, color=color, label=f"option {option}")
        for row, value in zip(rows, added[option], strict=True):
            axes.annotate(f"{value:.1f}%", (value, row), (5, 0), textcoords="offset points", va="center", size=10)
    axes.set_yticks(range(len(by_option)), list(by_option))
    axes.set(xlabel="parameters added to those with option A (%)", ylim=(len(by_option) - 0.4, -0.6))
    axes.set_xlim(0, 1.13 * max(map(max, added.values())))
    axes.grid(visible=False, axis="y")
    axes.legend(loc="upper right")
    alt = "Bars for five networks. Option B adds about one percent in four of them, option C about five. In ResNet-50 option B adds twelve percent and option C seventy-six."
    return Drawing(drawing, alt)
