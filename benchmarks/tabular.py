"""The network for tables beside `rtdl_revisiting_models`, and the way from Parquet to embeddings with its parts.

Networks are timed on two kinds of rows: those of records, a simulated organization's through `TableEncoder` (hundreds
of columns), and rows of the shape of the Adult data set (6 numbers, 8 codes). Arms take turns in each round, so that a
machine that slows down slows all of them; what to quote is the median over rounds of how many times as fast ours was as
a peer in the same round, with its 95% interval. FT-Transformer and gradient-boosted trees are there for scale. The
machine must be idle.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from parts.tabular_arms import D_EMBEDDING, SIZES, Rows, inference, networks, training, transformer
from parts.turns import Arms, take_turns
from sklearn.ensemble import HistGradientBoostingClassifier

from residual.ocsf.read import read
from residual.ocsf.schema import features
from residual.simulate import simulate
from residual.tabular import ContextFeatures, Entity, TableEncoder
from residual.tabular.batches import Blocks, in_order, with_context, write_blocks
from residual.tabular.bundle import Bundle
from residual.tabular.resnet import TabularResNet
from residual_book.recording import provenance, write_record
from residual_book.stats import median_interval

ADULT = (6, [9, 16, 7, 15, 6, 5, 2, 42])  # numbers, and codes of each column
BATCHES = (256, 1024)
FEW = 32  # rows of a batch of FT-Transformer: hundreds of tokens each
ROUNDS = 6  # a median's interval at 95% needs as many
ENTITIES = (
    Entity("user", ("actor.user.name", "user.name"), distinct=("src_endpoint.ip",), first=("src_endpoint.ip",)),
    Entity("source", ("src_endpoint.ip",), distinct=("dst_endpoint.ip",), first=("dst_endpoint.ip",)),
)
Run = dict[str, Any]


def to_embeddings(folder: Path, scratch: Path) -> tuple[Run, Blocks]:
    """Seconds and events per second of each part of the way from a folder of Parquet to embeddings."""
    seconds: dict[str, float] = {}

    def timed(part: str, run: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        answer = run()
        seconds[part] = time.perf_counter() - start
        return answer

    def tables() -> Iterator[pl.DataFrame]:
        return with_context(scratch / "sorted", ContextFeatures(ENTITIES))

    encoder = TableEncoder(features(depth=4) | ContextFeatures(ENTITIES).features())
    timed("read and order", lambda: in_order(read(folder).events, scratch / "sorted"))
    timed("context", lambda: sum(len(table) for table in tables()))
    timed("context and fit", lambda: [encoder.partial_fit(table) and None for table in tables()])
    blocks = timed("context, transform and write", lambda: write_blocks(tables(), encoder, scratch / "blocks"))
    timed("a shuffled pass", lambda: sum(1 for _ in blocks.batches(BATCHES[-1], seed=0, epoch=0)))
    net = TabularResNet(blocks.n_numeric, blocks.cardinalities, d_embedding=D_EMBEDDING, dropouts=(0.15, 0.0), **SIZES)
    bundle = Bundle(net, encoder, None, (0, 0), {})
    timed("context, transform and embed", lambda: sum(len(bundle.embed(table)) for table in tables()))
    rates = {part: round(len(blocks.time) / second) for part, second in seconds.items()}
    sizes = {"events": len(blocks.time), "columns": blocks.n_numeric + len(blocks.cardinalities)}
    return {"job": "Parquet to embeddings", **sizes, "seconds": seconds, "events_per_second": rates}, blocks


def of_records(blocks: Blocks) -> Rows:
    batch = next(blocks.batches(BATCHES[-1], seed=0, epoch=0))
    return batch.numeric, batch.categorical.long(), (batch.rows % 2).float()


def of_adult() -> Rows:
    generator = torch.Generator().manual_seed(0)
    codes = [torch.randint(0, count, (BATCHES[-1],), generator=generator) for count in ADULT[1]]
    return torch.randn(BATCHES[-1], ADULT[0], generator=generator), torch.stack(codes, 1), (codes[0] % 2).float()


def compare(job: str, name: str, arms: Arms, batch: int, options: argparse.Namespace) -> Run:
    """Rows per second of each arm, and how many times as fast the last one is as each of the others."""
    for run in arms.values():
        run()
    seconds = take_turns(arms, options.rounds, threads=options.threads)
    *peers, own = arms
    times = {peer: [a / b for a, b in zip(seconds[peer], seconds[own], strict=True)] for peer in peers}
    return {
        "job": job,
        "rows": name,
        "batch": batch,
        "rows_per_second": {arm: round(batch / statistics.median(found)) for arm, found in seconds.items()},
        "times_as_fast_as": {peer: asdict(median_interval(found)) for peer, found in times.items()},
        "seconds": seconds,
    }


def trees(rows: Rows, name: str) -> Run:
    table = np.concatenate([rows[0].numpy(), rows[1].numpy()], axis=1)
    start = time.perf_counter()
    HistGradientBoostingClassifier(max_iter=100, early_stopping=False).fit(table, rows[2].numpy())
    return {
        "job": "fit of 100 trees",
        "rows": name,
        "rows_per_second": round(len(table) / (time.perf_counter() - start)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the network for tables beside rtdl's.")
    parser.add_argument("--out", type=Path, help="JSON file to record the times in")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"at least 6 (default {ROUNDS})")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="that torch uses (default: one per core)")
    parser.add_argument("--users", type=int, default=80, help="people of the organization; fewer for a trial")
    parser.add_argument("--days", type=int, default=7)
    options = parser.parse_args()
    if options.rounds < ROUNDS:
        parser.error(f"--rounds must be at least {ROUNDS}, for an interval, got {options.rounds}")
    packages = ("rtdl_revisiting_models", "rtdl_num_embeddings", "scikit-learn")
    content: dict[str, Any] = {
        "command": f"python benchmarks/tabular.py {' '.join(sys.argv[1:])}".strip(),
        "provenance": provenance() | {name: version(name) for name in packages},
        "cores": os.cpu_count(),
        "threads": options.threads,
        "load_before": round(os.getloadavg()[0], 2),
        "runs": [],
    }

    def say(run: Run) -> None:
        print(*(f"{key}: {value}" for key, value in run.items() if key != "seconds"), sep="\n  ", flush=True)
        content["runs"].append(run)
        if options.out:
            write_record(options.out, content)

    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as scratch:
        simulate(Path(scratch, "org"), users=options.users, days=options.days, seed=0)
        run, blocks = to_embeddings(Path(scratch, "org", "events"), Path(scratch))
        say(run)
        shapes = {
            "records": (of_records(blocks), blocks.n_numeric, blocks.cardinalities),
            "adult": (of_adult(), *ADULT),
        }
    for name, (rows, n_numeric, cardinalities) in shapes.items():
        for job, arm in (("training step", training), ("embedding", inference)):
            for batch in BATCHES:
                some: Rows = (rows[0][:batch], rows[1][:batch], rows[2][:batch])
                arms = {key: arm(net, some) for key, net in networks(n_numeric, cardinalities).items()}
                say(compare(job, name, arms, batch, options))
        few: Rows = (rows[0][:FEW], rows[1][:FEW], rows[2][:FEW])
        both = {
            "FT-Transformer": transformer(n_numeric, cardinalities),
            "ours": networks(n_numeric, cardinalities)["ours"],
        }
        say(compare("training step", name, {key: training(net, few) for key, net in both.items()}, FEW, options))
        say(trees(rows, name))


if __name__ == "__main__":
    main()
