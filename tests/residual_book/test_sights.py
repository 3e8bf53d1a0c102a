import torch

from residual_book.sights import sensitivity, sights


def test_sensitivity_is_the_gradients_size() -> None:
    x = torch.arange(8.0).reshape(2, 1, 2, 2)
    weights = torch.tensor([[1.0, -2.0], [0.0, 3.0]])
    assert torch.equal(sensitivity(lambda x: x * weights, x), 2 * weights.abs())
    assert torch.equal(sensitivity(lambda x: x * weights, x, unit=(0, 1)), torch.tensor([[0.0, 4.0], [0.0, 0.0]]))


def test_every_map_has_its_title() -> None:
    drawing = sights({"first": torch.eye(2), "second": torch.ones(3, 3)}, "Two grids.")
    assert drawing.alt == "Two grids."
    assert all(f">{title}<" in drawing.svg() for title in ("first", "second"))
