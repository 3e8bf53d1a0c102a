"""From a folder of events to a trained model, and from events to vectors: what `residual fit` and `residual embed` do.

Told in `book/part4/without-labels.md`. A fit has stages that a run which was killed goes on from: the events in order,
the encoder, the encoded events, the training. Each is written whole, into a hidden folder beside the model's.
"""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import nn
from tqdm import tqdm

from residual.ocsf.intake import UID
from residual.ocsf.read import read
from residual.ocsf.schema import features
from residual.ocsf.sources import sources
from residual.storage import write_atomically
from residual.tabular.batches import Blocks, in_order, with_context, write_blocks
from residual.tabular.bundle import Bundle
from residual.tabular.context import ContextFeatures, Entity
from residual.tabular.encode import TableEncoder
from residual.tabular.pretrain import Contrastive, MaskedParts, Parts, Step, mean_loss, steps_of
from residual.tabular.resnet import TabularResNet
from residual.training import History, Recipe, adamw, train

Objective = Literal["masked", "contrastive"]
ENTITIES = (
    Entity(
        "user",
        ("actor.user.name", "user.name"),
        distinct=("src_endpoint.ip",),
        first=("src_endpoint.ip", "api.operation", "process.name"),
        peers=("user.type",),
    ),
    Entity("source", ("src_endpoint.ip",), ("dst_endpoint.ip",), ("dst_endpoint.ip", "dst_endpoint.port")),
    Entity(
        "host",
        ("device.hostname", "src_endpoint.hostname"),
        distinct=("dst_endpoint.hostname",),
        first=("dst_endpoint.hostname", "process.name"),
        peers=("device.os.name",),
    ),
)
NETWORK: dict[str, Any] = {
    "d_embedding": 8,
    "d_block": 128,
    "n_blocks": 2,
    "d_hidden_multiplier": 2.0,
    "dropouts": (0.0, 0.0),
}
BATCH, RATE, DECAY = 512, 0.01, 1e-4
LATER = 0.2  # of the events, the last ones in time: training stops by them and never sees them
CHECKS = 16  # batches of them
PASSES = 8  # over the others, where nobody says how many and there is time
SAVES = 8  # of the state, per pass
LEAST = 100  # events to learn from
_SETTINGS = "settings.json"


def kept(context: ContextFeatures) -> dict[str, Any]:
    """The features of the past that a model reads: not how often an entity ever came, which grows day by day."""
    return {path: feature for path, feature in context.features().items() if not path.endswith(".count")}


def given(encoder: TableEncoder) -> list[str]:
    """The columns that say who acts, when, and what came before."""
    known = {"time", *(column for entity in ENTITIES for column in entity.columns)}
    filled = (path for path, column in encoder.columns_.items() if column.filled)
    return [path for path in filled if path in known or path.startswith("context.")]


def objective_of(name: Objective, net: TabularResNet, encoder: TableEncoder, seed: int) -> nn.Module:
    """The objective of a name over a network."""
    kind: type[MaskedParts | Contrastive] = MaskedParts if name == "masked" else Contrastive
    return kind(net, Parts.of(encoder, given(encoder)), seed=seed)


def fit(
    events: Path,
    out: Path,
    *,
    objective: Objective = "masked",
    passes: int | None = None,
    minutes: float = 20.0,
    seed: int = 0,
    device: str = "cpu",
    quarantine: Path | None = None,
    say: Callable[[str], object] = print,
) -> History:
    """Learn from a folder of events, and write a `Bundle`.

    The last fifth of the events in time is kept apart: in the end the network has the weights that were best on it.

    Args:
        events: a folder that `residual.ocsf.read` reads, or one file.
        out: folder of the model.
        objective: what to learn; see `residual.tabular.pretrain`.
        passes: over the events. None: as many as `minutes` leave time for by a short measurement, from 1 to 8; they are
            part of the plan, so that a run which was killed and goes on comes to the same weights.
        minutes: for all of it, about.
        seed: of weights, order and objective.
        device: where to train. Weights are the same to the last bit on processors alone: a GPU adds in no fixed order.
        quarantine: the file for events that are rejected, as of `read`.
        say: takes a line about each stage.

    Raises:
        ValueError: for a bad argument, for events that cannot be read or too few of them, and for a run that was begun
            with other arguments or events (it names the folder to remove).
        FloatingPointError: for a loss that is not finite.
    """
    if objective not in get_args(Objective):
        raise ValueError(f"objective must be one of {', '.join(map(repr, get_args(Objective)))}, got {objective!r}")
    if (passes is not None and passes < 1) or not minutes > 0 or seed < 0:
        raise ValueError(f"passes and minutes must be above 0, seed at least 0, got {passes}, {minutes} and {seed}")
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file, expected a folder for the model or none")
    _check_device(device)
    began, work = time.monotonic(), out.with_name(f".{out.name}.partial")
    settings = {"objective": objective, "passes": passes, "minutes": minutes, "seed": seed, "events": _listed(events)}
    if not _begun(work, settings):
        table = read(events, quarantine=quarantine)
        say(f"{table.summary.rows_in:,} events, {table.summary.rows_quarantined:,} of them rejected")
        in_order(table.events, work / "sorted")
    blocks, encoder, context = _encoded(work, say)
    n = len(blocks.time)
    earlier, later = range(int((1 - LATER) * n)), range(int((1 - LATER) * n), n)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = TabularResNet(blocks.n_numeric, blocks.cardinalities, **NETWORK)
        model = objective_of(objective, net, encoder, seed).to(device)
    size, per_pass = min(BATCH, len(later)), len(earlier) // min(BATCH, len(later))

    def batches(rows: range) -> Callable[[int], Iterator[Step]]:
        return steps_of(
            lambda epoch, start: blocks.batches(size, seed=seed, epoch=epoch, start=start, rows=rows, device=device),
            per_pass,
        )

    plan = work / "plan.json"
    if not plan.exists():
        left = minutes * 60 - (time.monotonic() - began)
        planned = passes or int(np.clip(left / (_seconds(model, batches(earlier)) * per_pass), 1, PASSES))
        write_atomically(plan, json.dumps({"passes": planned}).encode())
    recipe = Recipe(json.loads(plan.read_text())["passes"], size, RATE, weight_decay=DECAY, seed=seed)
    say(f"{n:,} events of {blocks.n_numeric} numbers and {len(blocks.cardinalities)} codes, {recipe.epochs} passes")
    checks = list(islice(batches(later)(0), min(CHECKS, len(later) // size)))
    history = train(
        model, adamw(model, recipe), recipe, batches(earlier), model,
        steps=recipe.epochs * per_pass, every=max(per_pass // SAVES, 1),
        validate=lambda: mean_loss(model, checks), checkpoint=work / "training.safetensors",
    )  # fmt: skip
    net.to("cpu")
    heads = {key: value.cpu() for key, value in model.state_dict().items() if not key.startswith("net.")}
    told = {"objective": objective, "seed": seed, "passes": recipe.epochs, "valid_loss": history.valid_loss}
    span = (int(blocks.time[0]), int(blocks.time[-1]))
    Bundle(net.eval(), encoder, context, span, told, heads).save(out)
    (work / _SETTINGS).unlink()  # first, so that what is left of a folder half removed is not gone on with
    shutil.rmtree(work)
    return history


def embed(
    events: Path,
    model: Path,
    out: Path,
    *,
    device: str = "cpu",
    quarantine: Path | None = None,
    say: Callable[[str], object] = print,
) -> int:
    """Write the embedding of each event to a Parquet file, whole or not at all, and return how many there are.

    Its columns are `metadata.uid`, `time` and `embedding`, a list of float32 of the network's width, in order of time.
    The context goes on from where the model's data end, if all events are later; else it begins anew with them.

    Raises:
        ValueError: for events that cannot be read, or a model that is not whole or not for them; see `Bundle`.
    """
    if not out.parent.is_dir():
        raise ValueError(f"{out.parent} is no folder, expected one to write {out.name} to")
    _check_device(device)
    bundle = Bundle.load(model)
    bundle.net.to(device)
    table = read(events, quarantine=quarantine)
    say(f"{table.summary.rows_in:,} events, {table.summary.rows_quarantined:,} of them rejected")
    width, written = bundle.net.input_projection.out_features, 0
    schema = pa.schema({UID: pa.string(), "time": pa.int64(), "embedding": pa.list_(pa.float32(), width)})
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
        in_order(table.events, Path(scratch, "sorted"))
        first = pl.scan_parquet(Path(scratch, "sorted", "*.parquet")).select(pl.col("time").min()).collect().item()
        context = bundle.context
        if context is not None and first <= bundle.span[1]:
            say("events are not later than those of the model: what came before begins anew with them")
            context = ContextFeatures(context.entities, windows=context.windows)
        with pq.ParquetWriter(Path(scratch, "vectors"), schema) as file:
            for part in tqdm(with_context(Path(scratch, "sorted"), context), unit="table", leave=False):
                vectors = pa.FixedSizeListArray.from_arrays(bundle.embed(part).ravel(), width)
                uids = part[UID] if UID in part.columns else pl.Series([None] * len(part), dtype=pl.String)
                columns = [uids.cast(pl.String).to_arrow().cast(pa.string()), part["time"].to_arrow(), vectors]
                file.write_table(pa.table(columns, schema=schema))
                written += len(part)
        with Path(scratch, "vectors").open("rb") as file:
            os.fsync(file.fileno())
        Path(scratch, "vectors").replace(out)
    return written


def _listed(events: Path) -> list[Any]:
    """Names, sizes and times of the files: what tells whether a run that goes on has the events that it began with."""
    stats = [(source.path, source.path.stat()) for source in sources(events)[0]]
    return [[path.as_posix(), stat.st_size, stat.st_mtime_ns] for path, stat in stats]


def _begun(work: Path, settings: dict[str, Any]) -> bool:
    """Whether the first stage is done, by a run of the same settings."""
    path = work / _SETTINGS
    if path.exists():
        differing = [name for name, value in json.loads(path.read_text()).items() if settings[name] != value]
        if differing:
            raise ValueError(f"{work} is of a fit with other {', '.join(differing)}: expected the same, or remove it")
    else:
        if work.exists():
            shutil.rmtree(work)
        write_atomically(path, json.dumps(settings).encode())
    return (work / "sorted").exists()


def _encoded(work: Path, say: Callable[[str], object]) -> tuple[Blocks, TableEncoder, ContextFeatures]:
    """The second and the third stage: an encoder of the earlier events, all events by it, and the past at the end."""
    tables = work / "sorted"
    times = np.sort(pl.scan_parquet(tables / "*.parquet").select("time").collect()["time"].to_numpy())
    border = times[int((1 - LATER) * len(times))]
    if (learned := int((times < border).sum())) < LEAST:
        shutil.rmtree(tables.parent)
        raise ValueError(f"events before the last fifth in time must be at least {LEAST} to learn from, got {learned}")
    context = ContextFeatures(ENTITIES)
    if not (work / "encoder.safetensors").exists():
        encoder = TableEncoder(features(depth=4) | kept(context), scaling="quantile")
        for table in tqdm(with_context(tables, context), desc="learning to encode", unit="table", leave=False):
            encoder.partial_fit(table.filter(pl.col("time") < border))
        encoder.save(work / "encoder.safetensors")
    encoder = TableEncoder.load(work / "encoder.safetensors")
    if not (work / "context.safetensors").exists():
        context = ContextFeatures(ENTITIES)
        bar = tqdm(with_context(tables, context), desc="encoding", unit="table", leave=False)
        write_blocks(bar, encoder, work / "blocks")
        context.save(work / "context.safetensors")
        say(f"{len(times):,} events encoded")
    return Blocks(work / "blocks"), encoder, ContextFeatures.load(work / "context.safetensors")


def _check_device(device: str) -> None:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device must be one that torch has here, got {device!r}: {str(error)[:80]}") from error


def _seconds(model: nn.Module, batches: Callable[[int], Iterator[Step]]) -> float:
    """Of a step, from a few of them: gradients are computed and forgotten."""
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    stream, took = batches(0), []
    for step in islice(stream, 12):
        start = time.monotonic()
        model(step).loss.backward()
        took.append(time.monotonic() - start)
    model.zero_grad()
    model.load_state_dict(before)  # running statistics
    return float(np.median(took)) * 1.15  # the optimizer and the reading come on top
