"""The figures of `book/part1/residual-connections.md`."""

from collections.abc import Sequence

from residual_book.part1.residual_connections.experiment import IdentityRun, JacobianCheck
from residual_book.part1.residual_connections.relus import NETS, Closed
from residual_book.style import INK, OTHER, PLAIN, RESIDUAL, Drawing, dots_by_row, figure, seed_lines, styled


@styled
def identity_curves(runs: Sequence[IdentityRun]) -> Drawing:
    """Relative squared error against step of blocks that learn to return their input; one line per seed."""
    drawing, (axes,) = figure(height=3.2)
    for residual, name, color in ((False, "plain block", PLAIN), (True, "residual block", RESIDUAL)):
        lines = [run.errors for run in runs if run.residual == residual]
        seed_lines(axes, range(len(lines[0])), lines, color=color, linewidth=1.2, alpha=0.7, label=name)
    axes.set(xlabel="step", ylabel="error (returning zeros = 1)", yscale="log")
    axes.legend()
    alt = "Error against training step on a logarithmic scale, ten lines each for plain and residual blocks. Both fall; the plain blocks are ahead at first, then the residual blocks are below them and stay there."
    return Drawing(drawing, alt)


@styled
def jacobian_errors(checks: Sequence[JacobianCheck]) -> Drawing:
    """Relative distance of a block's Jacobian from a formula for it; one row per formula, one dot per seed."""
    original, preact = ([c for c in checks if c.block == block] for block in ("original", "pre-activation"))
    rows = {
        "original block,\nagainst I + J of F": [c.plus_identity for c in original],
        "original block,\nagainst D (I + J of F)": [c.masked for c in original],
        "pre-activation block,\nagainst I + J of F": [c.plus_identity for c in preact],
    }
    drawing, (axes,) = figure(height=2.6)
    dots_by_row(axes, rows, (PLAIN, RESIDUAL, RESIDUAL))
    for row, largest in enumerate(map(max, rows.values())):
        axes.text(0.03 if largest < 0.5 else largest + 0.03, row, f"at most {largest:.2g}", va="center", color=INK)
    axes.set(xlabel="distance from the Jacobian, over its norm", xlim=(-0.03, 1.1))
    alt = "Three rows of ten dots. The original block is far from the formula with plus I in every seed; with the mask of the last ReLU its distance is zero; the pre-activation block's distance is zero."
    return Drawing(drawing, alt)


@styled
def closed_by_block(nets: Sequence[Closed]) -> Drawing:
    """Shares of closed outputs and of stopped skips along the blocks of new and trained nets; one line per seed."""
    drawing, (left, right) = figure(2, width=8.2, height=3.4, share_y=True)
    for axes, field, title in (
        (left, "outputs", "Outputs that are zero"),
        (right, "skips", "Positive skip values stopped"),
    ):
        for name, color in zip(NETS, (OTHER[0], PLAIN, RESIDUAL), strict=True):
            lines = [[100 * share for share in getattr(net, field)] for net in nets if net.net == name]
            blocks = range(1, len(lines[0]) + 1)
            seed_lines(axes, blocks, lines, color=color, linewidth=1.4, alpha=0.8, label=name)
        axes.set(title=title, xlabel="block", ylim=(0, 100))
    left.set_ylabel("share (%)")
    right.legend()
    alt = "Two panels of shares against block, 1 to 27, in three stages. Left, outputs that are zero: in new nets they fall within each stage, from about a third to a sixth. In trained nets they are more in later stages, and most of all, up to four fifths, where branches started at zero. Right, positive values on the skip that are stopped: in new nets from a quarter in the first block to about a tenth; after training about as many or more; fewest, about a twentieth, in nets trained from zeroed branches."
    return Drawing(drawing, alt)
