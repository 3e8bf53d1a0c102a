from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from residual_book.claims import ClaimError
from residual_book.start.why import claims, experiment, figures
from residual_book.start.why.experiment import BLOCKS, EMBEDDING, HIDDEN, INNER, LAYERS, TOKEN, WIDTH


def test_both_networks_cost_what_their_products_say() -> None:
    work = experiment.work(7)
    assert work.residual == 7 * EMBEDDING * WIDTH + BLOCKS * 2 * WIDTH * HIDDEN
    assert work.pairs == LAYERS * 2 * 8**2 * TOKEN
    assert work.transformer - work.pairs == LAYERS * 8 * (4 * TOKEN**2 + 3 * TOKEN * INNER)


def test_both_counters_agree_where_both_can_count() -> None:
    net = experiment.residual_net(5).eval()
    with FlopCounterMode(display=False) as counter:
        net(torch.zeros(1, 5 * EMBEDDING))
    assert counter.get_total_flops() // 2 == experiment.work(5).residual


def test_attention_is_torchs() -> None:
    torch.manual_seed(0)
    block, theirs = experiment.TokenBlock(), torch.nn.MultiheadAttention(TOKEN, experiment.HEADS, batch_first=True)
    theirs.in_proj_weight.data = block.query_key_value.weight.data
    theirs.in_proj_bias.data = block.query_key_value.bias.data
    theirs.out_proj = block.mix  # type: ignore[assignment]  # a linear layer like its own
    x = torch.randn(2, 5, TOKEN)
    torch.testing.assert_close(block.attention(x), theirs(x, x, x)[0])
    assert not torch.equal(block(x), block(x.flip(0)))


def test_a_table_block_adds_its_branch_and_nothing_follows() -> None:
    block = experiment.TableBlock().eval()
    torch.nn.init.zeros_(block.linear2.weight)
    torch.nn.init.zeros_(block.linear2.bias)
    x = torch.randn(3, WIDTH)
    assert torch.equal(block(x), x)


def test_figure_and_claims() -> None:
    works = experiment.sweep()
    assert all(word in figures.work_by_fields(works).svg() for word in ("transformer", "residual network"))
    claims.on_work(works)
    with pytest.raises(ClaimError, match="why-transformer-work"):
        claims.on_work([replace(work, residual=work.transformer // 2) for work in works])
    with pytest.raises(ClaimError, match="why-square"):
        claims.on_work([replace(work, pairs=work.transformer // 2 + 1) for work in works])
