"""What `book/part1/residual-connections.md` says, and the rule of each sentence."""

import math
from collections.abc import Sequence
from functools import partial

from residual_book import claims
from residual_book.claims import confirmed, extended, glue_all, no_verdict
from residual_book.part1.residual_connections import experiment, relus
from residual_book.part1.residual_connections.experiment import IdentityRun, JacobianCheck
from residual_book.part1.residual_connections.relus import Closed
from residual_book.stats import mean_difference, mean_interval, mean_over, pairs

EARLY = 5  # steps


def on_fresh_seeds(seeds: Sequence[int]) -> None:
    """Measure on other seeds, and check the claims that depend on them again."""
    on_identities(experiment.learn_identities(seeds))
    on_new_blocks(experiment.check_jacobians(seeds))
    on_nets(relus.in_nets(seeds))


def on_identities(runs: Sequence[IdentityRun]) -> None:
    """Of the blocks that learn to return their input."""
    plain, residual = ([run for run in runs if run.residual == with_skip] for with_skip in (False, True))
    early, last = (
        mean_interval([math.log(p.errors[step] / r.errors[step]) for p, r in pairs(plain, residual)])
        for step in (EARLY, -1)
    )
    glue_all(
        identity_ratio=math.exp(last.estimate), identity_steps=len(plain[0].errors) - 1, identity_early=EARLY,
        identity_plain=mean_over(plain, lambda run: run.errors[-1]),
    )  # fmt: skip
    check = partial(claims.check, unit="(natural logarithm of the ratio of errors)", seeds=[run.seed for run in plain])
    check(
        "skip-identity-easier", holds=last.low > math.log(2), value=last,
        statement="After 100 steps toward returning its input, a plain block has more than twice the error of a residual block.",
        verdict=confirmed("he2015", "section 3.1", "if identities were optimal, it would be easier to push the residual to zero than to fit an identity by nonlinear layers"),
    )  # fmt: skip
    check(
        "skip-identity-early", holds=early.high < 0, value=early,
        statement="After five steps toward returning its input, the plain block is the one with the smaller error.",
        verdict=extended("he2015", "section 3.1", "speaks of what is easier, not of how it goes along training"),
    )  # fmt: skip


def on_new_blocks(checks: Sequence[JacobianCheck]) -> None:
    """Of the Jacobians of single blocks at initialization, as far as they depend on the seed."""
    original = [check for check in checks if check.block == "original"]
    error = mean_over(original, lambda check: check.plus_identity)
    left = mean_over(original, lambda check: check.plus_identity - rows_alone(check))
    glue_all(
        closed=mean_over(original, lambda check: check.closed), original_error=error,
        rows_alone=mean_over(original, rows_alone),
    )  # fmt: skip
    check = partial(claims.check, unit="of the Jacobian's norm", seeds=[check.seed for check in original])
    check(
        "skip-jacobian-original", holds=error.low > 0.5, value=error,
        statement="In a single new original block, the branch's Jacobian plus the identity misses the block's Jacobian by more than half of its norm.",
        verdict=confirmed("he2016", "section 4.2", "with a ReLU after the addition, the formula with the identity is not a good approximation where signals are negative"),
    )  # fmt: skip
    check(
        "skip-jacobian-rows", holds=max(abs(left.low), abs(left.high)) < 0.1, value=left,
        statement="The distance between a new original block's Jacobian and the formula is, to within a tenth of the norm, what the missing rows of the closed ReLUs give if all rows are of one size.",
        verdict=extended("he2016", "section 4.2", "says that the last ReLU stops the signal, without a formula for how much"),
    )  # fmt: skip


def rows_alone(check: JacobianCheck) -> float:
    """The distance of J from J_F + I if all rows of J_F + I were of one size: the root of closed over open."""
    return math.sqrt(check.closed / (1 - check.closed))


def on_formulas(checks: Sequence[JacobianCheck]) -> None:
    """Of the two formulas that are exact, whatever the seed."""
    original, preact = ([c for c in checks if c.block == block] for block in ("original", "pre-activation"))
    masked, plus = max(c.masked for c in original), max(c.plus_identity for c in preact)
    glue_all(preact_error=plus)
    check = partial(claims.check, unit="of the Jacobian's norm, at most")
    check(
        "skip-jacobian-masked", holds=masked < 1e-12, value=masked,
        statement="With the rows of the closed ReLUs set to zero, the formula with plus identity is exact for the original block.",
        verdict=no_verdict("he2016", "section 2, equations 1 and 2", "write a block as a function f of the skip plus the branch; in the original f is a ReLU"),
    )  # fmt: skip
    check(
        "skip-jacobian-preact", holds=plus < 1e-12, value=plus,
        statement="The Jacobian of the pre-activation block is that of its branch plus the identity, exactly.",
        verdict=confirmed("he2016", "section 2, equations 4 and 5", "with identities as skips and after the addition, the signal goes from any block to any other directly"),
    )  # fmt: skip


def on_nets(nets: Sequence[Closed]) -> None:
    """Of the last ReLUs of whole nets, new and trained."""
    new, trained, zeros = ([net for net in nets if net.net == name] for name in relus.NETS)
    falls = mean_over(new, lambda net: 100 * (net.outputs[0] - net.outputs[-1]))
    fewer = mean_interval([math.log(_stopped(z) / _stopped(n)) for n, z in pairs(new, zeros)])
    glue_all(
        first_closed=mean_over(new, lambda net: net.outputs[0]), last_closed=mean_over(new, lambda net: net.outputs[-1]),
        new_closed=mean_over(new, lambda net: sum(net.outputs) / len(net.outputs)),
        new_stopped=mean_over(new, _stopped), trained_stopped=mean_over(trained, _stopped),
        zeros_stopped=mean_over(zeros, _stopped), more_stopped=mean_difference(trained, new, _stopped),
    )  # fmt: skip
    check = partial(claims.check, seeds=[net.seed for net in new])
    check(
        "skip-closed-along", holds=falls.low > 15, value=falls, unit="points",
        statement="In a new residual net of 56 layers, the share of closed ReLUs is more than 15 points smaller in the last block than in the first.",
        verdict=extended("he2016", "section 4.2", "the ReLU after the addition is not severe for nets of fewer layers, such as 164"),
    )  # fmt: skip
    check(
        "skip-stopped-zeros", holds=fewer.high < math.log(0.5), value=fewer, unit="(natural logarithm of the ratio of shares)",
        statement="After 88 steps of training from zeroed branches, the ReLUs of residual-56 stop less than half as large a share of the positive skip values as in a new net.",
        verdict=extended("he2016", "section 4.2", "after some training the sum before the ReLU is more often above zero"),
    )  # fmt: skip


def _stopped(net: Closed) -> float:
    return sum(net.skips) / len(net.skips)
