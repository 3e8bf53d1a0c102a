"""What `train` adds to `fit`: any objective, any optimizer, checkpoints within a pass, and early stopping."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from residual.training import History, Judged, Recipe, adamw, train

RECIPE = Recipe(epochs=1, peak_lr=0.05, weight_decay=0.01)


class Stopped(Exception):  # noqa: N818
    """In place of a kill."""


def line(seed: int = 0) -> nn.Linear:
    torch.manual_seed(seed)
    return nn.Linear(3, 1)


def batches(step: int) -> Iterator[Tensor]:
    while True:
        yield torch.randn(8, 3, generator=torch.Generator().manual_seed(step))
        step += 1


def run(model: nn.Linear, *, stop: int = -1, validate: bool = False, checkpoint: Path | None = None) -> History:
    """Learn that the output is the sum of the inputs, in 23 steps; stop at one of them."""
    asked = 0

    def sums(x: Tensor) -> Judged:
        nonlocal asked
        asked += 1
        if asked == stop:
            raise Stopped
        wrong = (model(x)[:, 0] - x.sum(1)).abs()
        return Judged(wrong.square().mean(), (wrong > 0.1).sum(), len(x))

    @torch.no_grad()
    def away() -> float:  # the best weights are those nearest to a quarter
        return float((model.weight - 0.25).abs().mean())

    return train(
        model, adamw(model, RECIPE), RECIPE, batches, sums,
        steps=23, every=5, validate=away if validate else None, checkpoint=checkpoint, progress=False,
    )  # fmt: skip


@pytest.mark.parametrize("validate", [False, True])
def test_a_run_with_adamw_that_is_cut_off_at_any_step_continues_to_the_same_bits(
    tmp_path: Path, validate: bool
) -> None:
    whole = line()
    history = run(whole, validate=validate)
    assert len(history.train_loss) == 5  # the last of them from three steps
    for stop in (3, 6, 14, 23):
        checkpoint = tmp_path / f"{stop}.safetensors"
        with pytest.raises(Stopped):
            run(line(), stop=stop, validate=validate, checkpoint=checkpoint)
        rest = line(7) if checkpoint.exists() else line()
        assert run(rest, validate=validate, checkpoint=checkpoint) == history
        assert torch.equal(rest.weight, whole.weight)
        assert torch.equal(rest.bias, whole.bias)


def test_the_weights_of_the_lowest_validation_are_kept() -> None:
    last, kept = line(), line()
    run(last)
    losses = run(kept, validate=True).valid_loss
    assert len(losses) == 6
    assert min(losses) < losses[-1]  # the run went past its best
    assert float((kept.weight - 0.25).abs().mean()) == min(losses)
    assert not torch.equal(kept.weight, last.weight)


def test_weights_that_no_step_makes_better_stay() -> None:
    model = line()
    nn.init.constant_(model.weight, 0.25)
    before = model.weight.clone()
    losses = run(model, validate=True).valid_loss
    assert losses[0] == min(losses) == 0
    assert torch.equal(model.weight, before)


def test_only_what_multiplies_decays() -> None:
    weights, rest = adamw(line(), RECIPE).param_groups
    assert [p.ndim for p in weights["params"]] == [2]
    assert [p.ndim for p in rest["params"]] == [1]
    assert (weights["weight_decay"], rest["weight_decay"]) == (0.01, 0.0)


def test_what_cannot_be_gone_on_with_is_refused(tmp_path: Path) -> None:
    checkpoint = tmp_path / "run.safetensors"
    with pytest.raises(Stopped):
        run(line(), stop=8, validate=True, checkpoint=checkpoint)
    with pytest.raises(ValueError, match="checkpoint was made with validates=True, this run has False"):
        run(line(), checkpoint=checkpoint)


def test_batches_that_end_and_validation_that_is_not_finite() -> None:
    model = line()

    def judge(x: Tensor) -> Judged:
        return Judged(model(x).mean(), torch.tensor(0), 1)

    few = iter([torch.ones(2, 3)] * 4)
    with pytest.raises(ValueError, match="batches end after step 4, expected 6 steps"):
        train(model, adamw(model, RECIPE), RECIPE, lambda _: few, judge, steps=6, every=3, progress=False)
    with pytest.raises(FloatingPointError, match="loss is nan before the first step"):
        train(
            model, adamw(model, RECIPE), RECIPE, batches, judge,
            steps=6, every=3, validate=lambda: float("nan"), progress=False,
        )  # fmt: skip
