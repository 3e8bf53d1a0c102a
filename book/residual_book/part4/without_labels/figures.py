"""Figures and tables of `book/part4/without-labels.md` on what networks learn from rows."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from IPython.display import Markdown

from residual.tabular.pretrain import Contrastive, MaskedParts, Parts
from residual_book.part4.without_labels.fields import RIVALS
from residual_book.part4.without_labels.objectives import (
    CONTRASTIVE,
    UNTRAINED,
    Run,
    guessed,
    network,
    scored,
    unsettled,
)
from residual_book.rows import Rows
from residual_book.stats import mean_over
from residual_book.style import INK, OTHER, PLAIN, RESIDUAL, Drawing, dots_by_row, figure, seed_lines, styled, table

SHOWN = (  # columns of one event, of as many parts
    "actor.user.name", "api.operation", "api.service.name", "src_endpoint.ip", "status", "cloud.region",
)  # fmt: skip
NAMES = {
    "masked": "masked, three parts in ten hidden",
    "six in ten hidden": "six in ten hidden",
    "one block": "one block in place of two",
}


def one_event(data: Rows, place: int = 0) -> Markdown:
    """A table of an API call, and what of it the masked network gets otherwise, and the contrastive one."""
    parts = Parts.of(data.encoder, data.given)
    calls = np.flatnonzero(data.table["api.operation"].is_not_null().to_numpy())[place : place + 40]
    part_of = dict(zip(data.encoder.categorical_names_, parts.categorical.tolist(), strict=True))
    net, generator = network(data), torch.Generator().manual_seed(35)  # hides some of what is shown
    hidden = MaskedParts(net, parts).drawn(len(calls), generator)[0]
    source = Contrastive(net, parts).drawn(len(calls), generator)[0]

    def value(path: str, row: int) -> str:
        found = data.table[path][int(calls[row])]
        return "" if found is None else str(found).replace("_", r"\_")

    rows = []
    for path in SHOWN:
        part, own = part_of[path], value(path, 0)
        other = value(path, int(source[part]))
        rows.append([f"`{path}`", own, "hidden" if hidden[part] else "", "" if source[part] == 0 else f"*{other}*"])
    return table(["Column", "The event", "Hidden", "Exchanged"], rows, left=4)


@styled
def fields(runs: Sequence[Run]) -> Drawing:
    """How often a field is guessed right: by the network over the best other column; and how much better, in nats."""
    drawing, (left, right) = figure(2, height=3.6, stacked=3.4)
    every = [field for run in runs for field in unsettled(run)]
    x, y = ([100 * field.right[name] for field in every] for name in (RIVALS[2], "masked"))
    left.plot([0, 100], [0, 100], color=INK, linewidth=1)
    left.plot(x, y, "o", color=RESIDUAL, markersize=3.5, alpha=0.5)
    left.set(title="guessed right", xlabel="by the best other column (%)", ylabel="by the network (%)")
    left.set(xlim=(-2, 102), ylim=(-2, 102))
    for run in runs:
        gain = sorted(field.score["masked"] - field.score[RIVALS[2]] for field in unsettled(run))
        right.plot(np.linspace(0, 100, len(gain)), gain, color=RESIDUAL, alpha=0.7)
    right.axhline(0, color=INK, linewidth=1)
    right.set(title="gain in log score", xlabel="fields, in order (%)", ylabel="nats per event")
    right.set_yscale("symlog", linthresh=0.1)
    right.set_yticks([-1, -0.1, 0, 0.1, 1], ["-1", "-0.1", "0", "0.1", "1"])
    above = sum(b > a for a, b in zip(x, y, strict=True)) / len(x)
    alt = f"Left, one dot per field and organization: {100 * above:.0f} percent of the dots lie above the diagonal, many of them far. Right, one rising line per organization, which crosses zero in its first half and ends above one nat."
    return Drawing(drawing, alt)


@styled
def curves(runs: Sequence[Run]) -> Drawing:
    """The losses on a later day along training."""
    drawing, panels = figure(2, height=3.0, stacked=2.6)
    for axes, name, color, title in zip(
        panels, ("masked", CONTRASTIVE), (RESIDUAL, PLAIN), ("hidden parts", "exchanged parts"), strict=True
    ):
        lines = [list(run.curve[name]) for run in runs]
        least = min(map(len, lines))
        share = np.linspace(0, 100, least)
        seed_lines(axes, share, [line[:least] for line in lines], label=title, color=color, alpha=0.7)
        axes.set(title=title, xlabel="steps (%)", ylim=(0, None))
    panels[0].set_ylabel("loss on a later day (nats)")
    alt = "Two panels with one falling line per organization, steep at first and flat in the last third."
    return Drawing(drawing, alt)


@styled
def ranks(runs: Sequence[Run]) -> Drawing:
    """The effective rank of the embeddings of each network."""
    drawing, (axes,) = figure(height=2.4, stacked=2.6)
    names = {UNTRAINED: "untrained", "masked": "hidden parts", CONTRASTIVE: "exchanged parts"}
    dots_by_row(
        axes, {label: [run.rank[name] for run in runs] for name, label in names.items()}, (OTHER[0], RESIDUAL, PLAIN)
    )
    axes.set(xlabel="effective rank of 128 dimensions", xlim=(0, 128))
    untrained, masked, found = (np.mean([run.rank[name] for run in runs]) for name in names)
    alt = f"Three rows of dots, one dot per organization: untrained about {untrained:.0f}, hidden parts about {masked:.0f}, exchanged parts about {found:.0f}."
    return Drawing(drawing, alt)


def guesses(runs: Sequence[Run]) -> Markdown:
    """A table of how well the fields that no other column settles are guessed, by rivals and arms."""
    told = {
        RIVALS[0]: "the most frequent value",
        RIVALS[1]: "the entity's most frequent value",
        RIVALS[2]: "the best other column",
    } | NAMES
    rows = []
    for name, label in told.items():
        right, score = mean_over(runs, partial(guessed, name)), mean_over(runs, partial(scored, name))
        rows.append(
            [
                label,
                f"{100 * right.estimate:.0f}%<br>({100 * right.low:.0f} to {100 * right.high:.0f})",
                f"{score.estimate:.2f}<br>({score.low:.2f} to {score.high:.2f})",
            ]
        )
    return table(["Guessed by", "Right", "Log score (nats)"], rows)
