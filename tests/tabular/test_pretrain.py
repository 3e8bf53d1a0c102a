"""The objectives for rows without labels: what is hidden stays hidden, and what can be learned is."""

from collections.abc import Callable, Iterator

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor, nn

from residual.ocsf.schema import Feature
from residual.tabular import TableEncoder
from residual.tabular.batches import Batch
from residual.tabular.pretrain import Contrastive, MaskedParts, Parts, Step, mean_loss, steps_of
from residual.tabular.resnet import TabularResNet
from residual.training import Recipe, adamw, train

KINDS = {
    "who": "string", "device.ip": "ip", "device.name": "string", "status": "string", "status_id": "enum",
    "size": "number", "time": "time",
}  # fmt: skip
N = 400


def table() -> pl.DataFrame:
    """`size` and the device follow from the status; who it is says nothing."""
    rng = np.random.default_rng(0)
    status = rng.integers(0, 4, N)
    return pl.DataFrame(
        {
            "who": [f"user{i}" for i in rng.integers(0, 5, N)],
            "device.ip": [f"10.0.0.{i}" for i in status],
            "device.name": [None if i == 3 else f"host{i}" for i in status],
            "status": [f"s{i}" for i in status],
            "status_id": status,
            "size": status * 10.0,
            "time": np.arange(N) * 1000,
        }
    )


@pytest.fixture
def encoder() -> TableEncoder:
    return TableEncoder({path: Feature(path, kind) for path, kind in KINDS.items()}, scaling="quantile").fit(table())


def rows(encoder: TableEncoder) -> tuple[Tensor, Tensor]:
    encoded = encoder.transform(table())
    return torch.from_numpy(encoded.numeric), torch.from_numpy(encoded.categorical)


def net_of(encoder: TableEncoder) -> TabularResNet:
    torch.manual_seed(0)
    return TabularResNet(
        len(encoder.numeric_names_), encoder.cardinalities_.tolist(),
        d_embedding=4, d_block=32, n_blocks=1, d_hidden_multiplier=2.0, dropouts=(0.0, 0.0),
    )  # fmt: skip


def steps(encoder: TableEncoder, size: int = 100) -> Callable[[int], Iterator[Step]]:
    numeric, categorical = rows(encoder)

    def one_pass(number: int, start: int) -> Iterator[Batch]:
        order = torch.randperm(N, generator=torch.Generator().manual_seed(number))
        for chosen in order.split(size)[start:]:
            yield Batch(numeric[chosen], categorical[chosen], chosen)

    return steps_of(one_pass, N // size)


def test_a_part_is_an_object_or_a_stem_with_all_that_the_encoder_makes_of_it(encoder: TableEncoder) -> None:
    parts = Parts.of(encoder, ["who", "time"])
    assert parts.names == ("device", "size", "status", "time", "who")
    assert [parts.names[i] for i in parts.categorical] == ["device"] * 4 + ["status"] * 2 + ["who"]
    assert [encoder.categorical_names_[i] for i in parts.codes] == ["device.ip", "device.name", "status", "status_id"]
    assert [encoder.numeric_names_[i] for i in parts.numbers] == ["size"]
    assert [encoder.numeric_names_[i] for i in parts.present] == ["size:present"]
    assert parts.numeric[0] == len(parts.names)  # the count of unexpected columns is of no part
    assert parts.given.tolist() == [False, False, False, True, True]


def test_a_given_column_that_nobody_knows(encoder: TableEncoder) -> None:
    with pytest.raises(ValueError, match="given columns must be among those of the encoder, got whom"):
        Parts.of(encoder, ["whom"])


def test_what_is_hidden_changes_nothing(encoder: TableEncoder) -> None:
    parts = Parts.of(encoder, ["who", "time"])
    model = MaskedParts(net_of(encoder), parts).eval()
    nn.init.normal_(model.hidden)
    numeric, categorical = rows(encoder)
    device = parts.names.index("device")
    hidden = torch.zeros(N, len(parts.names), dtype=torch.bool)
    hidden[:, device] = True
    other = categorical.clone()
    other[:, parts.categorical == device] = other[:, parts.categorical == device].flip(0)
    assert not torch.equal(other, categorical)
    assert torch.equal(model.read(numeric, categorical, hidden), model.read(numeric, other, hidden))
    seen = torch.zeros_like(hidden)
    assert not torch.equal(model.read(numeric, categorical, seen), model.read(numeric, other, seen))
    assert not torch.equal(model.read(numeric, categorical, hidden), model.read(numeric, categorical, seen))


def test_masked_parts_learn_what_follows_from_the_rest(encoder: TableEncoder) -> None:
    parts = Parts.of(encoder, ["who", "time"])
    model, recipe = MaskedParts(net_of(encoder), parts), Recipe(epochs=1, peak_lr=0.01, weight_decay=0.0)
    history = train(
        model, adamw(model, recipe), recipe, steps(encoder), model, steps=200, every=50, progress=False
    )  # fmt: skip
    assert history.train_error[-1] < 15 < history.train_error[0]  # where all three are hidden nothing can be known
    numeric, categorical = rows(encoder)
    for place, column in enumerate(parts.codes):
        hidden = torch.zeros(N, len(parts.names), dtype=torch.bool)
        hidden[:, parts.categorical[column]] = True
        found = model.eval().logits(model.read(numeric, categorical, hidden), place).argmax(1)
        there = categorical[:, column] >= 2
        assert (found == categorical[:, column])[there].float().mean() > 0.98


def test_contrastive_finds_rows_again(encoder: TableEncoder) -> None:
    parts = Parts.of(encoder, ["who", "time"])
    model, recipe = Contrastive(net_of(encoder), parts, exchange=0.3), Recipe(epochs=1, peak_lr=0.01, weight_decay=0.0)
    history = train(
        model, adamw(model, recipe), recipe, steps(encoder), model, steps=120, every=40, progress=False
    )  # fmt: skip
    assert history.train_loss[-1] < history.train_loss[0] - 0.3
    assert history.train_error[-1] < 95  # of 100 rows, one is right by chance


def test_parts_are_exchanged_whole_and_within_the_batch(encoder: TableEncoder) -> None:
    parts = Parts.of(encoder, ["who", "time"])
    numeric, categorical = rows(encoder)
    for share, least, most in ((0.0, 0.0, 0.0), (0.6, 0.3, 0.6), (1.0, 0.5, 1.0)):
        model = Contrastive(net_of(encoder), parts, exchange=share)
        source = model.drawn(N, torch.Generator().manual_seed(3))
        found, codes = model.exchanged(numeric, categorical, source)
        device, status = codes[:, :4], codes[:, 4:6]
        assert {tuple(row) for row in device.tolist()} <= {tuple(row) for row in categorical[:, :4].tolist()}
        assert torch.equal(status[:, 0], status[:, 1])  # `status` and `status_id` come from one row
        assert least <= (status[:, 0] != categorical[:, 4]).float().mean() <= most
        assert torch.equal(found[:, 0], numeric[:, 0])


@pytest.mark.parametrize("objective", [MaskedParts, Contrastive])
def test_a_step_is_the_same_whenever_it_is_taken(
    encoder: TableEncoder, objective: type[MaskedParts] | type[Contrastive]
) -> None:
    model, stream = objective(net_of(encoder), Parts.of(encoder, ["who"])), steps(encoder)
    torch.manual_seed(5)
    first = [model(step).loss.item() for step, _ in zip(stream(0), range(6), strict=False)]
    torch.manual_seed(6)
    again = [model(step).loss.item() for step, _ in zip(stream(4), range(2), strict=False)]
    assert first[4:] == again
    assert len(set(first)) == 6


def test_the_loss_that_early_stopping_looks_at_changes_no_statistics(encoder: TableEncoder) -> None:
    model = MaskedParts(net_of(encoder), Parts.of(encoder, ["who"]))
    some = [step for step, _ in zip(steps(encoder)(0), range(2), strict=False)]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert mean_loss(model, some) == mean_loss(model, some) > 0
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_batch_without_anything_to_predict(encoder: TableEncoder) -> None:
    """All rows empty: the loss is zero and has a gradient, and nothing is divided by zero."""
    model = MaskedParts(net_of(encoder), Parts.of(encoder, ["who"]))
    numeric, categorical = (torch.zeros_like(values) for values in rows(encoder))
    judged = model((0, Batch(numeric, categorical, torch.arange(N))))
    judged.loss.backward()
    assert (judged.loss.item(), judged.answers) == (0.0, 0)
