"""Layout changes a net's numbers by float32's rounding, bfloat16 by its own, which is far coarser."""

import torch

from residual.experiments.precision import round_off, round_offs


def test_a_layout_costs_float32s_rounding_and_bf16_more() -> None:
    """A number is off by half its format's spacing at most, and a net of 20 layers adds up some of these."""
    for found in round_offs((0, 1, 2)):
        for distance in (found.float32, found.channels_last):
            assert 0 < distance < 100 * torch.finfo(torch.float32).eps
        assert torch.finfo(torch.bfloat16).eps / 10 < found.bf16 < 10 * torch.finfo(torch.bfloat16).eps


def test_the_seed_decides() -> None:
    assert round_off(1, images=8) == round_off(1, images=8)
    assert round_off(1, images=8) != round_off(2, images=8)
