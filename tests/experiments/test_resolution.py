import pytest
import torch

from residual.experiments import resolution
from residual.experiments.resolution import MIXED, TESTED, TRAINED, SizeRun, resized, sweep, train_at
from residual.training import Recipe

SHORT = Recipe(epochs=1, batch_size=256)


def test_resizing_keeps_what_has_no_detail_and_the_size_that_is() -> None:
    flat = torch.full((2, 1, 8, 8), 0.7)
    images = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    for size in (4, 8, 11, 24):
        assert resized(flat, size).shape == (2, 1, size, size)
        assert torch.allclose(resized(flat, size), torch.tensor(0.7))
    assert torch.allclose(resized(images, 8), images)


def test_nothing_is_brought_back_at_the_size_of_training() -> None:
    run = train_at((TRAINED,), SHORT, tested=(8, TRAINED))
    assert run.brought_back[TRAINED] == run.errors[TRAINED]
    assert run.sizes == (TRAINED,)
    for errors in (run.errors, run.with_statistics, run.brought_back):
        assert list(errors) == [8, TRAINED]
        assert all(0 <= error <= 100 for error in errors.values())


def test_a_test_leaves_the_net_as_it_was() -> None:
    """Statistics taken for one size must not be there at the next: the order of sizes changes nothing."""
    there, back = (train_at(MIXED, SHORT, tested=sizes) for sizes in ((8, 24), (24, 8)))
    assert there == back


def test_the_seed_decides_and_sizes_matter() -> None:
    recipe = Recipe(epochs=1, batch_size=256, seed=1)
    state = torch.random.get_rng_state()
    one, other, mixed = (
        train_at(sizes, r, tested=(12, 16, 20)) for sizes, r in (((16,), SHORT), ((16,), recipe), (MIXED, SHORT))
    )
    assert one.errors != other.errors
    assert one.errors != mixed.errors
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_sizes_of_the_page_halve_twice_without_rest() -> None:
    """Two stages halve the map: a size that is no multiple of four would shift the grid, another question."""
    assert all(size % 4 == 0 for size in (TRAINED, *MIXED, *TESTED))
    assert set(MIXED) < set(TESTED)
    assert TRAINED in MIXED


def test_both_arms_from_every_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolution, "train_at", lambda sizes, recipe: SizeRun(tuple(sizes), recipe.seed, {}, {}, {}))
    found = sweep((5, 3), workers=1, progress=False)
    assert [(run.sizes, run.seed) for run in found] == [((TRAINED,), 5), ((TRAINED,), 3), (MIXED, 5), (MIXED, 3)]


def test_no_size_is_refused() -> None:
    with pytest.raises(ValueError, match="sizes must hold at least one size"):
        train_at(())
