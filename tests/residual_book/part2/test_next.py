"""What came next: fields are those of the nets, a test at another size leaves the net alone, and claims stop a page."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from residual.training import Recipe
from residual_book.claims import ClaimError
from residual_book.nets import MAKERS
from residual_book.part2.next import claims, figures, limits
from residual_book.part2.next.limits import Field, measure_field
from residual_book.part2.next.resolution import MIXED, TESTED, TRAINED, SizeRun, resized, select, sweep, train_at

SHORT = Recipe(epochs=1, batch_size=256)


def gaussian(side: int, sigma: float, net: str = "ResNet-18", seed: int = 0) -> Field:
    distance = torch.arange(side, dtype=torch.float64) - side // 2
    line = torch.exp(-(distance**2) / (2 * sigma**2))
    energy = torch.outer(line, line)
    return Field(net, seed, side, energy / energy.sum())


def uniform(side: int, net: str = "ResNet-18", seed: int = 0) -> Field:
    return Field(net, seed, side, torch.full((side, side), 1 / side**2, dtype=torch.float64))


def test_a_gaussian_field_is_its_own_gaussian_and_a_uniform_one_is_not() -> None:
    field = gaussian(121, 12)
    assert field.gaussian == pytest.approx(field.within, abs=1e-3)
    # 95 % of a plane in a square: 97.5 % of each axis, 2.236 standard deviations to either side.
    assert field.effective == pytest.approx(2 * 2.236 * 12, abs=2)
    other = uniform(31)
    assert max(abs(a - b) for a, b in zip(other.within, other.gaussian, strict=True)) > 0.1


def test_measured_field_is_a_distribution_that_the_seed_decides() -> None:
    state = torch.random.get_rng_state()
    first, again, other = (measure_field("ResNet-18", seed, (3, 65, 65)) for seed in (0, 0, 1))
    assert torch.equal(first.energy, again.energy)
    assert not torch.equal(first.energy, other.energy)
    assert first.energy.shape == (65, 65)
    assert first.energy.sum().item() == pytest.approx(1)
    assert first.theoretical == 435
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_image_of_the_page_holds_the_whole_field_and_has_a_middle_unit() -> None:
    _, height, width = limits.FIELD_IMAGE
    assert height == width > 435
    assert (height - 1) % 32 == 0  # the stride: the middle unit looks at the middle pixel
    assert ((height - 1) // 32 + 1) % 2 == 1


def test_parts_are_all_of_a_net_from_the_stem_to_the_head() -> None:
    for parts in FAMILY.values():
        assert list(parts) == ["stem", "stage 1", "stage 2", "stage 3", "stage 4", "head"]
        for kind in ("parameters", "multiply_adds"):
            assert sum(part[kind] for part in parts.values()) == pytest.approx(100)


# --- image sizes
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
    up, down = (train_at(MIXED, SHORT, tested=sizes) for sizes in ((8, 24), (24, 8)))
    assert up == down


def test_both_arms_from_every_seed_and_each_is_another_net() -> None:
    state = torch.random.get_rng_state()
    runs = sweep((5, 3), recipe=SHORT)
    assert [(run.sizes, run.seed) for run in runs] == [((TRAINED,), 5), ((TRAINED,), 3), (MIXED, 5), (MIXED, 3)]
    assert len({tuple(run.errors.values()) for run in runs}) == 4
    assert select(runs, MIXED) == [train_at(MIXED, replace(SHORT, seed=seed)) for seed in (5, 3)]
    assert torch.equal(torch.random.get_rng_state(), state)


def test_sizes_are_there_and_those_of_the_page_halve_twice_without_rest() -> None:
    """Two stages halve the map: a size that is no multiple of four would shift the grid, another question."""
    assert all(size % 4 == 0 for size in (TRAINED, *MIXED, *TESTED))
    assert {TRAINED} < set(MIXED) < set(TESTED)


# --- figures and claims, of made-up results
FIELDS = [gaussian(121, sigma, net, seed) for net in limits.NETS for seed, sigma in enumerate((9, 10, 11))]
FAMILY = limits.family()


def size_runs(one: float = 60.0, one_statistics: float = 40.0, mixed: float = 20.0, back: float = 1.0) -> list[SizeRun]:
    """Nets of both arms from three seeds: 1 % wrong at the size of training, and about what is given elsewhere."""
    runs = []
    for seed, factor in enumerate((1.0, 1.02, 1.04)):
        for sizes, errors, statistics in (((TRAINED,), one, one_statistics), (MIXED, mixed, 1.0)):
            by_size = [{size: 1.0 if size == TRAINED else e * factor for size in TESTED} for e in (errors, statistics)]
            runs.append(SizeRun(sizes, seed, *by_size, dict.fromkeys(TESTED, back * factor)))
    return runs


def test_good_results_pass_and_spoiled_ones_name_the_claim() -> None:
    claims.on_fields(FIELDS)
    claims.on_resolution(size_runs())
    claims.on_parameters(FAMILY)
    wide = [gaussian(121, sigma, net, seed) for net in limits.NETS for seed, sigma in enumerate((25, 26, 27))]
    # Half the energy in the middle pixel: a narrow field that is no Gaussian.
    peaked = [replace(field, energy=field.energy / 2) for field in FIELDS]
    for field in peaked:
        field.energy[60, 60] += 0.5
    late = {net: parts | {"stage 4": {"parameters": 60.0, "multiply_adds": 9.0}} for net, parts in FAMILY.items()}
    spoiled: list[tuple[str, Any, Any]] = [
        ("next-field-effective", claims.on_fields, wide),
        ("next-field-gaussian", claims.on_fields, peaked),
        ("next-resolution-shifts", claims.on_resolution, size_runs(one=20.0)),
        ("next-resolution-back", claims.on_resolution, size_runs(back=4.0)),
        ("next-resolution-statistics", claims.on_resolution, size_runs(mixed=2.0)),
        ("next-resolution-both", claims.on_resolution, size_runs(one_statistics=2.0)),
        ("next-parameters-late", claims.on_parameters, late),
    ]
    for id, check, results in spoiled:
        with pytest.raises(ClaimError, match=f"'{id}'"):
            check(results)


def test_figures_draw_what_they_are_given() -> None:
    for drawing, words in [
        (figures.field_and_growth(FIELDS), ("ResNet-50, Gaussian", "95%")),
        (figures.errors_by_size(size_runs()), ("trained at mixed sizes", "one size, images brought back")),
        (figures.parameters_by_part(FAMILY), ("head", *MAKERS)),
    ]:
        text = drawing.svg()
        assert [word for word in words if word not in text] == []
    assert "ResNet-152 25%" in figures.parameters_by_part(FAMILY).alt
