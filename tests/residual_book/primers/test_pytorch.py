from dataclasses import replace

import pytest
import torch

from residual.vision.data import digits
from residual_book.claims import ClaimError
from residual_book.primers.pytorch import claims, figures, loop
from residual_book.primers.pytorch.loop import Errors

IMAGES, LABELS = digits().train_images[:128], digits().train_labels[:128]


def trained(seed: int, *, clear: bool = True) -> dict[str, torch.Tensor]:
    net = loop.small_net(seed)
    loop.train(net, IMAGES, LABELS, seed=seed, epochs=1, clear=clear)
    return net.state_dict()


def test_the_seed_decides_the_weights_to_the_last_bit() -> None:
    once, again, other = trained(0), trained(0), trained(1)
    assert all(torch.equal(once[key], again[key]) for key in once)
    assert not torch.equal(once["conv1.weight"], other["conv1.weight"])


def test_without_clearing_the_second_step_is_another() -> None:
    assert not torch.equal(trained(0)["fc.weight"], trained(0, clear=False)["fc.weight"])


def test_in_evaluation_mode_an_answer_does_not_depend_on_its_companions() -> None:
    net = loop.small_net(0)
    state = {key: value.clone() for key, value in net.state_dict().items()}
    assert loop.error(net, IMAGES, LABELS, together=1) == loop.error(net, IMAGES, LABELS)
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())
    loop.error(net, IMAGES, LABELS, training=True)
    assert not torch.equal(net.state_dict()["bn1.running_mean"], state["bn1.running_mean"])


RUNS = [Errors(seed, 5.0 + seed, 50.0, 5.0, 60.0) for seed in range(3)]


def test_figure_and_claims() -> None:
    assert all(f">{word}" in figures.errors(RUNS).svg() for word in ("all lines in place", "trained without"))
    claims.on_errors(RUNS)
    with pytest.raises(ClaimError, match="pytorch-eval"):
        claims.on_errors([replace(run, one_by_one=run.right + 9) for run in RUNS])
    with pytest.raises(ClaimError, match="pytorch-zero-grad"):
        claims.on_errors([replace(run, not_cleared=run.right - 1) for run in RUNS])
