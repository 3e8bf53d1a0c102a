import pytest
import torch

from residual.experiments.identity import (
    IdentityRun,
    check_jacobian,
    check_jacobians,
    learn_identities,
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


def test_check_jacobians_has_both_blocks_from_every_seed() -> None:
    assert [(c.block, c.seed) for c in check_jacobians((3, 5))] == [
        ("original", 3),
        ("original", 5),
        ("pre-activation", 3),
        ("pre-activation", 5),
    ]


def test_unknown_block_is_named() -> None:
    with pytest.raises(ValueError, match="got 'bottleneck'"):
        check_jacobian("bottleneck", 0)


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


def test_learn_identities_has_both_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "residual.experiments.identity.learn_identity", lambda residual, seed: IdentityRun(residual, seed, (1.0,))
    )
    assert [(r.residual, r.seed) for r in learn_identities((0, 1))] == [(False, 0), (False, 1), (True, 0), (True, 1)]
