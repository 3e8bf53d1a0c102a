"""What counting and networks guess of fields that they do not see."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from residual.ocsf.schema import Feature
from residual.tabular import TableEncoder
from residual.tabular.pretrain import MaskedParts, Parts
from residual.tabular.resnet import TabularResNet
from residual_book.part4.without_labels.fields import RIVALS, Field, Guesses, judged_fields
from residual_book.part4.without_labels.objectives import RECIPE, Run, guessed, learned, network, scored, unsettled, won
from residual_book.rows import Rows

KINDS = {"user.name": "string", "api.operation": "string", "cloud.region": "string", "noise": "string", "time": "time"}
N = 3000


@pytest.fixture(scope="module")
def data() -> Rows:
    """A region follows from the operation, which mostly follows from the user; five days."""
    rng = np.random.default_rng(0)
    user = rng.integers(0, 4, N)
    operation = np.where(rng.random(N) < 0.8, user, rng.integers(0, 4, N))
    table = pl.DataFrame(
        {
            "user.name": [f"u{i}" for i in user],
            "api.operation": [f"o{i}" for i in operation],
            "cloud.region": [f"r{i % 2}" for i in operation],
            "noise": [f"n{i}" for i in rng.integers(0, 3, N)],
            "time": np.arange(N) * 1000,
        }
    )
    encoder = TableEncoder({path: Feature(path, kind) for path, kind in KINDS.items()}, scaling="quantile").fit(table)
    encoded = encoder.transform(table)
    numeric, codes = torch.from_numpy(encoded.numeric), torch.from_numpy(encoded.categorical)
    empty = pl.DataFrame()
    return Rows(table, empty, empty, encoder, numeric, codes, np.arange(N) * 5 // N)


def by_name(fields: list[Field]) -> dict[str, Field]:
    return {field.name: field for field in fields}


def test_the_best_other_column_and_the_entity_guess_what_they_can(data: Rows) -> None:
    found = by_name(judged_fields(Guesses(data, Parts.of(data.encoder, data.given), 4), {}))
    region, operation, noise = found["cloud.region"], found["api.operation"], found["noise"]
    assert (region.other, region.settled, region.right[RIVALS[2]]) == ("api.operation", True, 1.0)
    assert (operation.other, operation.settled) == ("user.name", False)
    assert operation.right[RIVALS[1]] == operation.right[RIVALS[2]] == pytest.approx(0.85, abs=0.05)
    assert operation.right[RIVALS[0]] == pytest.approx(0.25, abs=0.06)
    assert noise.score[RIVALS[2]] == pytest.approx(-np.log(3), abs=0.02)  # nothing tells it, and counts know
    assert "user.name" not in found  # who it is is given


def test_a_network_guesses_without_the_field_and_its_part(data: Rows) -> None:
    parts = Parts.of(data.encoder, data.given)
    torch.manual_seed(0)
    arm = MaskedParts(network(data, n_blocks=1), parts)
    history = learned(data, arm, replace(RECIPE, epochs=8, batch_size=128), 4)
    assert min(history.valid_loss) < history.valid_loss[0]
    found = by_name(judged_fields(Guesses(data, parts, 4), {"masked": arm}))
    operation, region = found["api.operation"], found["cloud.region"]
    assert 0.7 < operation.right["masked"] < 0.95  # it saw the region, and was not shown the operation
    assert region.right["masked"] > 0.95
    with torch.no_grad():
        arm.codes.bias.zero_()
        arm.codes.weight.zero_()
    flat = by_name(judged_fields(Guesses(data, parts, 4), {"masked": arm}))
    assert flat["noise"].score["masked"] == pytest.approx(-np.log(5), abs=1e-6)  # of three values, null, and unknown


def test_only_fields_that_nothing_settles_count() -> None:
    def field(settled: bool, network: float, other: float) -> Field:
        right = {"masked": network, RIVALS[2]: other}
        return Field("a", "b", settled, right, {name: -value for name, value in right.items()})

    fields = (field(True, 0.0, 1.0), field(False, 0.9, 0.5), field(False, 0.5, 0.5), field(False, 0.2, 0.6))
    run = Run(0, 10, fields, {}, 0.5, {})
    assert len(unsettled(run)) == 3
    assert won(run) == pytest.approx(1 / 3)  # an equal guess is no win
    assert won(run, "score") == pytest.approx(1 / 3)
    assert guessed("masked", run) == pytest.approx(1.6 / 3)
    assert scored("masked", run) == pytest.approx(-1.6 / 3)
    read = Run(0, 10, tuple(vars(f) for f in fields), {}, 0.5, {})  # type: ignore[arg-type]  # as JSON has them
    assert read == run


def test_the_network_is_of_the_encoders_columns(data: Rows) -> None:
    net = network(data)
    assert isinstance(net, TabularResNet)
    assert net.settings["cardinalities"] == data.encoder.cardinalities_.tolist()
