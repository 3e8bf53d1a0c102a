"""The block's Jacobian is "+ I" only where nothing follows the addition, and a skip makes the identity easier."""

from dataclasses import replace

import pytest
import torch

from residual_book.claims import ClaimError
from residual_book.part1.residual_connections import claims, experiment, figures, relus
from residual_book.part1.residual_connections.experiment import (
    IdentityRun,
    JacobianCheck,
    check_jacobian,
    learn_identity,
)
from residual_book.part1.residual_connections.relus import Closed


@pytest.mark.parametrize("seed", range(3))
def test_plus_identity_is_exact_only_where_nothing_follows_the_addition(seed: int) -> None:
    original, preact = (check_jacobian(block, seed) for block in ("original", "pre-activation"))
    assert preact.plus_identity < 1e-12
    assert preact.closed == 0
    assert original.masked < 1e-12
    assert original.plus_identity > 0.1
    assert 0 < original.closed < 1


def test_closed_relus_alone_make_the_difference() -> None:
    """The rows that D removes are all that separates J from J_F + I, so the error grows with their share from zero."""
    checks = [check_jacobian("original", seed, images=2, channels=2, size=3) for seed in range(8)]
    assert all((check.closed == 0) == (check.plus_identity < 1e-12) for check in checks)


def test_both_blocks_are_measured_from_every_seed() -> None:
    checks = experiment.check_jacobians((3, 5))
    blocks = ("original", "pre-activation")
    assert [(check.block, check.seed) for check in checks] == [(block, seed) for block in blocks for seed in (3, 5)]
    assert [(run.residual, run.seed) for run in experiment.learn_identities((4,))] == [(False, 4), (True, 4)]


def test_seed_decides_the_run_and_leaves_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    first = learn_identity(True, 0, steps=3)
    assert first == learn_identity(True, 0, steps=3)
    assert first != learn_identity(True, 1, steps=3)
    assert check_jacobian("original", 0) == check_jacobian("original", 0)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_both_blocks_learn_and_the_residual_one_is_ahead() -> None:
    plain, residual = (learn_identity(residual, 0, steps=60) for residual in (False, True))
    assert len(plain.errors) == len(residual.errors) == 61
    assert plain.errors[-1] < 0.5 * plain.errors[0]
    assert residual.errors[-1] < 0.5 * plain.errors[-1]


RUNS = [
    IdentityRun(r, s, (1.0,) * 5 + (0.5 if r else 0.4 + s / 100, 0.01 * (1 + s / 9) if r else 0.05))
    for r in (False, True)
    for s in range(3)
]
CHECKS = [
    *(JacobianCheck("original", seed, 0.6 + seed / 100, 1e-16, 0.27) for seed in range(3)),
    *(JacobianCheck("pre-activation", seed, 1e-16, 1e-16, 0.0) for seed in range(3)),
]
STOPPED = dict(zip(relus.NETS, (0.12, 0.15, 0.04), strict=True))
INSIDE = [
    Closed(net, seed, (0.37, 0.15 + seed / 100), (stopped, stopped * (1 + seed / 9)))
    for net, stopped in STOPPED.items()
    for seed in range(3)
]


def test_a_net_is_counted_block_by_block() -> None:
    new, zeros = (relus.closed(net, 0) for net in (relus.NETS[0], relus.NETS[2]))
    assert len(new.outputs) == len(new.skips) == 27
    assert all(0 < share < 1 for share in (*new.outputs, *new.skips))
    # Stages begin at blocks 1, 10 and 19; there option A adds channels of zeros, which a small branch hardly fills.
    assert zeros.outputs[9] > zeros.outputs[8] + 0.2
    assert new == relus.closed(relus.NETS[0], 0)


def test_the_figures_say_what_they_show() -> None:
    for drawing, labels in (
        (figures.identity_curves(RUNS), ("plain block", "residual block")),
        (figures.jacobian_errors(CHECKS), ("original block,", "pre-activation block,")),
        (figures.closed_by_block(INSIDE), relus.NETS),
    ):
        svg = drawing.svg()
        assert all(label in svg for label in (drawing.alt[:20], *labels))


def test_claims_hold_only_as_long_as_the_measurements_bear_them_out() -> None:
    claims.on_identities(RUNS)
    claims.on_new_blocks(CHECKS)
    claims.on_formulas(CHECKS)
    claims.on_nets(INSIDE)
    spoiled = (
        ("skip-jacobian-original", claims.on_new_blocks, [replace(c, plus_identity=0.4 + c.seed / 99) for c in CHECKS]),
        ("skip-jacobian-rows", claims.on_new_blocks, [replace(c, plus_identity=0.9 + c.seed / 99) for c in CHECKS]),
        ("skip-jacobian-masked", claims.on_formulas, [replace(c, masked=1e-6) for c in CHECKS]),
        ("skip-jacobian-preact", claims.on_formulas, [replace(c, plus_identity=0.4 + c.seed / 100) for c in CHECKS]),
        ("skip-identity-easier", claims.on_identities, [replace(r, errors=(*r.errors[:6], 0.05)) for r in RUNS]),
        (
            "skip-identity-early",
            claims.on_identities,
            [replace(r, errors=(*r.errors[:5], 1.0, *r.errors[6:])) for r in RUNS],
        ),
        ("skip-closed-along", claims.on_nets, [replace(n, outputs=(0.37, 0.3 + n.seed / 99)) for n in INSIDE]),
        ("skip-stopped-zeros", claims.on_nets, [replace(n, skips=(0.1, 0.1 + n.seed / 99)) for n in INSIDE]),
    )
    for id, check, measured in spoiled:
        with pytest.raises(ClaimError, match=f"'{id}'"):
            check(measured)
