"""What `book/part1/residual-connections.md` says, and the rule of each sentence."""

from collections.abc import Sequence
from functools import partial

from residual_book import claims
from residual_book.claims import confirmed, corrected, glue_all
from residual_book.part1.residual_connections.experiment import SEEDS, IdentityRun, JacobianCheck
from residual_book.stats import mean_interval, mean_over, pairs


def on_blocks(runs: Sequence[IdentityRun], checks: Sequence[JacobianCheck]) -> None:
    """Of the blocks that learn the identity, and of the Jacobians of blocks at initialization."""
    original, preact = ([c for c in checks if c.block == block] for block in ("original", "pre-activation"))
    plain, residual = ([run for run in runs if run.residual == with_skip] for with_skip in (False, True))
    original_error = mean_over(original, lambda c: c.plus_identity)
    largest_masked, largest_preact = max(c.masked for c in original), max(c.plus_identity for c in preact)
    ratio = mean_interval([p.errors[-1] / r.errors[-1] for p, r in pairs(plain, residual)])
    glue_all(
        closed=mean_over(original, lambda c: c.closed), original_error=original_error,
        preact_error=largest_preact, identity_ratio=ratio,
    )  # fmt: skip
    check = partial(claims.check, seeds=SEEDS)
    check(
        "skip-jacobian-original", holds=original_error.low > 0.1, value=original_error, unit="of the Jacobian's norm",
        statement="The Jacobian of the original block is not that of its branch plus the identity: the last ReLU removes rows.",
        verdict=corrected("tutorial", "mathematical analysis", "the gradient always has an identity part that arrives unchanged"),
    )  # fmt: skip
    check(
        "skip-jacobian-masked", holds=largest_masked < 1e-12, value=largest_masked, unit="of the Jacobian's norm, at most",
        statement="With the rows of the closed ReLUs set to zero, the formula with plus identity is exact for the original block.",
        verdict=corrected("notes", "the math of the skip connection", "the gradient flows through the skip unchanged"),
    )  # fmt: skip
    check(
        "skip-jacobian-preact", holds=largest_preact < 1e-12, value=largest_preact, unit="of the Jacobian's norm, at most",
        statement="The Jacobian of the pre-activation block is that of its branch plus the identity, exactly.",
        verdict=confirmed("he2016", "section 2, equations 4 and 5", "with identities as skips and after the addition, the signal goes from any block to any other directly"),
    )  # fmt: skip
    check(
        "skip-identity-easier", holds=ratio.low > 2, value=ratio, unit="times the residual block's error",
        statement="A residual block learns to return its input with less than half of the error that a plain block has after as many steps.",
        verdict=confirmed("tutorial", "why this works", "pushing weights to zero is much easier than learning the identity"),
    )  # fmt: skip
