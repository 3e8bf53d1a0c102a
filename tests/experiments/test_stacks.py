import pytest
import torch

from residual.experiments.stacks import (
    ARMS,
    Measured,
    conditioning,
    image_shattering,
    line_gradients,
    shattering,
    stack,
)


def of(runs: list[Measured], arm: str, depth: int) -> list[float]:
    return [run.value for run in runs if (run.arm, run.depth) == (arm, depth)]


def test_a_layer_without_skip_norm_or_scale_is_the_formula() -> None:
    net = stack("plain", 2, width=5, seed=0)
    x = torch.randn(3, 5, dtype=torch.float64)
    first, second = (layer.linear.weight for layer in net)
    torch.testing.assert_close(net(x), (x.relu() @ first.T).relu() @ second.T)


@pytest.mark.parametrize(("arm", "scale"), [("residual", 1.0), ("residual, batch norm, branch / √L", 0.5)])
def test_a_skip_adds_the_input_and_the_scale_knows_the_number_of_layers(arm: str, scale: float) -> None:
    net = stack(arm, 4, width=5, seed=0).eval()
    x = torch.randn(3, 5, dtype=torch.float64)
    normed = net[0].norm(x)
    torch.testing.assert_close(net[0](x), x + scale * normed.relu() @ net[0].linear.weight.T)


def test_the_seed_decides_the_weights_and_all_arms_share_them() -> None:
    weights = {arm: stack(arm, 2, width=5, seed=0)[1].linear.weight for arm in ARMS}
    assert all(torch.equal(weight, weights["plain"]) for weight in weights.values())
    assert not torch.equal(weights["plain"], stack("plain", 2, width=5, seed=1)[1].linear.weight)
    with pytest.raises(ValueError, match=r"arm must be one of .* got 'dense'"):
        stack("dense", 2, width=5, seed=0)


def test_a_net_of_two_linear_layers_has_one_gradient_on_the_whole_line() -> None:
    gradients = line_gradients("plain, batch norm", 2, 0, points=9)
    torch.testing.assert_close(gradients, gradients[:1].expand(9))


def test_the_sweeps_measure_every_net_and_find_what_the_page_says() -> None:
    state = torch.random.get_rng_state()
    runs = shattering((3, 24), (0, 1), progress=False)
    assert [(r.arm, r.depth, r.seed) for r in runs] == [(arm, d, s) for arm in ARMS for d in (3, 24) for s in (0, 1)]
    assert max(map(abs, of(runs, "plain, batch norm", 24))) < 0.3 < 0.7 < min(of(runs, "residual, batch norm", 24))
    spread = conditioning((2, 20), (0, 1), width=16, progress=False)
    assert all(1 / 16 <= run.value <= 1 for run in spread)
    assert max(of(spread, "plain", 20)) < min(of(spread, "residual, batch norm, branch / √L", 20))
    images = image_shattering((8, 20), (0,), points=9, progress=False)
    assert max(of(images, "plain, batch norm", 20)) < min(of(images, "residual, batch norm", 20))
    assert images == image_shattering((8, 20), (0,), points=9, progress=False)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_one_layer_of_a_plain_net_has_the_conditioning_of_its_matrix() -> None:
    """Half of its columns are masked by the ReLU of the input; the rest is what participation is of."""
    width = 6
    (run,) = (r for r in conditioning((1,), (3,), width=width, inputs=1, progress=False) if r.arm == "plain")
    x = torch.randn(512, width, dtype=torch.float64, generator=torch.Generator().manual_seed(3))[0]
    masked = stack("plain", 1, width=width, seed=3)[0].linear.weight.detach() * (x > 0)
    squares = torch.linalg.svdvals(masked) ** 2
    assert run.value == pytest.approx((squares.sum() ** 2 / (width * (squares**2).sum())).item())
