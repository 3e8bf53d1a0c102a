"""The figures of `book/part1/residual-connections.md`."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from residual.plots import INK, PLAIN, RESIDUAL, figure, styled


@styled
def jacobian_errors(errors: Mapping[str, Sequence[float]]) -> Figure:
    """A row a formula, a dot a seed: relative distance of the block's Jacobian from the formula."""
    drawing, (axes,) = figure(height=2.6)
    colors = (PLAIN, RESIDUAL, RESIDUAL)
    for row, seeds in enumerate(errors.values()):
        axes.plot(seeds, [row] * len(seeds), "o", color=colors[row % 3], alpha=0.7)
        axes.text(
            0.03 if max(seeds) < 0.5 else max(seeds) + 0.03, row, f"at most {max(seeds):.2g}", va="center", color=INK
        )
    axes.set(
        xlabel="relative distance from the Jacobian (Frobenius norm)", xlim=(-0.03, 1.1), ylim=(len(errors) - 0.5, -0.5)
    )
    axes.set_yticks(range(len(errors)), list(errors))
    return drawing


@styled
def identity_curves(plain: Sequence[Sequence[float]], residual: Sequence[Sequence[float]]) -> Figure:
    """Relative squared error against step of blocks that learn to return their input; a line a seed."""
    drawing, (axes,) = figure(height=3.2)
    for name, runs, color in (("plain block", plain, PLAIN), ("residual block", residual, RESIDUAL)):
        for i, errors in enumerate(runs):
            axes.plot(errors, color=color, linewidth=1.2, alpha=0.7, label=name if i == 0 else None)
    axes.set(xlabel="step", ylabel="error relative to zero output", yscale="log")
    axes.legend()
    return drawing
