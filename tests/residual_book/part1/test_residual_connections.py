"""The block's Jacobian is "+ I" only where nothing follows the addition, and a skip makes the identity easier."""

from dataclasses import replace

import pytest
import torch

from residual_book.claims import ClaimError
from residual_book.part1.residual_connections import claims, experiment, figures
from residual_book.part1.residual_connections.experiment import (
    IdentityRun,
    JacobianCheck,
    check_jacobian,
    learn_identity,
)


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


RUNS = [IdentityRun(r, s, (1.0, 0.5, 0.01 * (1 + s / 9) if r else 0.05)) for r in (False, True) for s in range(3)]
CHECKS = [
    *(JacobianCheck("original", seed, 0.4 + seed / 100, 1e-16, 0.2) for seed in range(3)),
    *(JacobianCheck("pre-activation", seed, 1e-16, 1e-16, 0.0) for seed in range(3)),
]


def test_the_figures_say_what_they_show() -> None:
    for drawing, labels in (
        (figures.identity_curves(RUNS), ("plain block", "residual block")),
        (figures.jacobian_errors(CHECKS), ("original block,", "pre-activation block,")),
    ):
        svg = drawing.svg()
        assert all(label in svg for label in (drawing.alt[:20], *labels))


def test_claims_hold_only_as_long_as_the_measurements_bear_them_out() -> None:
    claims.on_blocks(RUNS, CHECKS)
    spoiled = {
        "skip-jacobian-original": [replace(check, plus_identity=1e-16 * (1 + check.seed)) for check in CHECKS],
        "skip-jacobian-masked": [replace(check, masked=1e-6) for check in CHECKS],
        "skip-jacobian-preact": [replace(check, plus_identity=0.4 + check.seed / 100) for check in CHECKS],
    }
    for id, checks in spoiled.items():
        with pytest.raises(ClaimError, match=f"'{id}'"):
            claims.on_blocks(RUNS, checks)
    with pytest.raises(ClaimError, match="'skip-identity-easier'"):
        claims.on_blocks([replace(run, errors=(0.05 * (1 + run.residual * run.seed / 9),)) for run in RUNS], CHECKS)
