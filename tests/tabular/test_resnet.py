"""`TabularResNet` is rtdl's network, number for number; codes go through one table; bad rows are refused by place."""

from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rtdl_num_embeddings import PeriodicEmbeddings, PiecewiseLinearEmbeddings
from rtdl_revisiting_models import CategoricalEmbeddings, ResNet
from torch import Tensor, nn

from residual.ocsf.schema import Feature
from residual.tabular import TableEncoder
from residual.tabular.resnet import PIECES, TabularResNet

SIZES: dict[str, Any] = {"d_embedding": 4, "d_block": 12, "n_blocks": 3, "d_hidden_multiplier": 1.5}
CARDINALITIES = (3, 1, 7)
DROPOUTS = (0.3, 0.2)


def net(n_numeric: int = 5, cardinalities: tuple[int, ...] = CARDINALITIES, **options: Any) -> TabularResNet:
    torch.manual_seed(0)
    return TabularResNet(n_numeric, cardinalities, **{**SIZES, "dropouts": (0.0, 0.0), "d_out": 2, **options})


def rows(count: int, n_numeric: int = 5, cardinalities: tuple[int, ...] = CARDINALITIES) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(count)
    codes = [torch.randint(0, c, (count,), generator=generator, dtype=torch.int32) for c in cardinalities]
    categorical = torch.stack(codes, 1) if codes else torch.zeros(count, 0, dtype=torch.int32)
    return 3 * torch.randn(count, n_numeric, generator=generator), categorical


def theirs(d_in: int, d_out: int | None = 2) -> ResNet:
    """Their network, with running statistics of its own."""
    torch.manual_seed(1)
    sizes = {name: size for name, size in SIZES.items() if name != "d_embedding"}
    other = ResNet(d_in=d_in, d_out=d_out, **sizes, dropout1=0.0, dropout2=0.0)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        for _ in range(3):
            other.train()(1 + torch.randn(64, d_in))
    return other.eval()


@pytest.mark.parametrize("d_out", [2, None])
def test_of_numbers_alone_weights_go_both_ways_and_outputs_are_equal(d_out: int | None) -> None:
    other, ours = theirs(5, d_out), net(5, (), d_out=d_out)
    ours.load_state_dict(other.state_dict())
    fresh = theirs(5, d_out)
    fresh.load_state_dict(net(5, (), d_out=d_out).state_dict())
    numeric, _ = rows(40, 5)
    for mode in (False, True):
        torch.testing.assert_close(ours.train(mode)(numeric), other.train(mode)(numeric), rtol=0, atol=1e-6)
    assert all(torch.equal(value, other.state_dict()[key]) for key, value in ours.state_dict().items())


@pytest.mark.parametrize("numeric", ["linear", "periodic", "piecewise"])
def test_with_codes_it_is_their_parts_in_a_row(numeric: str) -> None:
    """Their embeddings of numbers and of codes, side by side, into their network: the same outputs and gradients."""
    x, codes = rows(40)
    ours = net(numeric=numeric)
    embeddings = CategoricalEmbeddings(list(CARDINALITIES), SIZES["d_embedding"], bias=False)
    table = ours.category_embeddings.weight.detach()
    for one, part in zip(embeddings.embeddings, table.split(CARDINALITIES), strict=True):
        one.weight.data.copy_(part)
    numbers: nn.Module = nn.Identity()
    if numeric == "periodic":
        numbers = PeriodicEmbeddings(5, SIZES["d_embedding"], lite=False)
    elif numeric == "piecewise":
        edges = [torch.linspace(-1, 1, PIECES + 1)] * 5
        numbers = PiecewiseLinearEmbeddings(edges, SIZES["d_embedding"], activation=False, version="B")
    if ours.numeric_embeddings is not None:
        numbers.load_state_dict(ours.numeric_embeddings.state_dict())
    other = theirs(ours.input_projection.in_features)
    left = ours.load_state_dict(other.state_dict(), strict=False)
    assert not left.unexpected_keys
    assert {key.split(".")[0] for key in left.missing_keys} <= {"category_embeddings", "numeric_embeddings"}
    for mode in (False, True):
        joined = torch.cat([numbers(x).flatten(1), embeddings(codes.long()).flatten(1)], 1)
        expected = other.train(mode)(joined)
        actual = ours.train(mode)(x, codes)
        torch.testing.assert_close(actual, expected, rtol=0, atol=1e-6)
    actual.square().sum().backward()
    expected.square().sum().backward()
    gradient = torch.cat([one.weight.grad for one in embeddings.embeddings])
    torch.testing.assert_close(ours.category_embeddings.weight.grad, gradient, rtol=1e-4, atol=1e-5)
    assert {key for key in ours.state_dict() if "." not in key} == set()  # nothing but the modules' own


def test_dropout_is_in_its_two_places() -> None:
    ours = net(dropouts=DROPOUTS)
    for block in ours.blocks:
        assert (block.dropout1.p, block.dropout2.p) == DROPOUTS


@given(
    count=st.integers(2, 9),
    n_numeric=st.integers(0, 4),
    cardinalities=st.lists(st.integers(1, 9), max_size=4).map(tuple),
    numeric=st.sampled_from(["linear", "piecewise", "periodic"]),
)
def test_any_columns_give_finite_outputs_and_rows_stand_alone(
    count: int, n_numeric: int, cardinalities: tuple[int, ...], numeric: Any
) -> None:
    if not n_numeric and not cardinalities:
        with pytest.raises(ValueError, match="columns must be one or more"):
            net(0, ())
        return
    ours = net(n_numeric, cardinalities, numeric=numeric)
    numbers, codes = rows(count, n_numeric, cardinalities)
    ours.train()(numbers, codes).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in ours.parameters())
    whole = ours.eval()(numbers, codes)
    assert whole.shape == (count, 2)
    alone = torch.cat([ours(numbers[i : i + 1], codes[i : i + 1].long()) for i in range(count)])
    torch.testing.assert_close(alone, whole, rtol=1e-4, atol=1e-5)
    assert ours.embed(numbers, codes).shape == (count, SIZES["d_block"])
    torch.testing.assert_close(ours.output(ours.embed(numbers, codes)), whole)
    assert ours(numbers[:0], codes[:0]).shape == (0, 2)


def test_without_a_head_the_output_is_the_embedding() -> None:
    ours = net(d_out=None).eval()
    assert torch.equal(ours(*rows(6)), ours.embed(*rows(6)))


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_rows_are_refused_in_train_mode_and_fine_in_evaluation(count: int) -> None:
    with pytest.raises(ValueError, match=f"at least 2 rows in train mode, got {count}"):
        net().train()(*rows(count))
    assert net().eval()(*rows(count)).shape == (count, 2)


@pytest.mark.parametrize("mode", [False, True])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_finite_is_named(value: float, mode: bool) -> None:
    numeric, codes = rows(6)
    numeric[4, 3] = value
    with pytest.raises(ValueError, match=rf"numeric\[4, 3\] is {value}, expected a finite number"):
        net().train(mode)(numeric, codes)


def test_numbers_whose_sum_overflows_are_fine() -> None:
    numeric, codes = rows(6)
    numeric[:, 0] = 2e38
    assert net().eval().embed(numeric, codes).shape == (6, SIZES["d_block"])


@pytest.mark.parametrize(("column", "code"), [(0, 3), (1, 1), (2, 7), (2, 2**31 - 1), (0, -1)])
def test_a_code_at_or_over_its_cardinality_is_named(column: int, code: int) -> None:
    numeric, codes = rows(6)
    codes[5, column] = code
    expected = rf"categorical\[5, {column}\] is {code}, expected a code from 0 to {CARDINALITIES[column] - 1}"
    with pytest.raises(ValueError, match=expected):
        net()(numeric, codes)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda x, c: (x[:, :4], c), r"numeric must have shape \(6, 5\), got \(6, 4\)"),
        (lambda x, c: (x, c[:, :2]), r"categorical must have shape \(6, 3\), got \(6, 2\)"),
        (lambda x, c: (x, c[:3]), r"categorical must have shape \(6, 3\), got \(3, 3\)"),
        (lambda x, c: (x, None), r"categorical must have shape \(6, 3\), got \(6, 0\)"),
        (lambda x, c: (x[0], c[0]), r"numeric must have shape \(5, 5\), got \(5,\)"),
        (lambda x, c: (x.long(), c), "expected floats and int32 or int64 codes, got torch.int64 and torch.int32"),
        (lambda x, c: (x, c.float()), "expected floats and int32 or int64 codes, got torch.float32 and torch.float32"),
    ],
)
def test_rows_of_another_shape_or_type_are_refused(change: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        net()(*change(*rows(6)))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"n_blocks": 0}, "n_blocks must be at least 1, got 0"),
        ({"d_block": 0}, "d_block must be at least 1"),
        ({"d_embedding": 0}, "d_embedding must be at least 1"),
        ({"d_hidden_multiplier": 0.01}, "d_hidden must be at least 1, got 0"),
        ({"d_out": 0}, "d_out must be at least 1"),
        ({"cardinalities": (3, 0)}, "cardinalities must be at least 1, got 0"),
        ({"n_numeric": -1}, "columns must be one or more, got n_numeric=-1"),
        ({"dropouts": (0.1, 1.0)}, "dropouts must be two rates from 0 to below 1"),
        ({"dropouts": (0.1,)}, "dropouts must be two rates"),
        ({"numeric": "fourier"}, "numeric must be one of 'linear', 'piecewise', 'periodic', got 'fourier'"),
    ],
)
def test_bad_arguments_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        net(**options)


def test_steps_of_the_piecewise_embedding_are_quantiles_of_what_the_encoder_gives() -> None:
    """As many of a skewed column's numbers lie in each step: its quantiles, as in the paper."""
    table = pl.DataFrame({"n": np.random.default_rng(0).lognormal(0, 2, PIECES * 100)})
    encoder = TableEncoder({"n": Feature("n", "number")}, scaling="quantile").fit(table)
    numbers = encoder.transform(table).numeric[:, encoder.numeric_names_.index("n")]
    counts, _ = np.histogram(numbers, np.linspace(-1, 1, PIECES + 1))
    assert np.abs(counts - 100).max() <= 5
