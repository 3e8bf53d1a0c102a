"""Thousands of damaged files: each ends in rows, in reasons for rows, or in a reason for the file; nothing else."""

import gzip
import io
import json
import random
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from sign_ins import sign_in

from residual.ocsf.bulk import validate_folder
from residual.ocsf.read import read

FILES = 640  # of each kind of file
KINDS = ("lines", "array", "pretty", "wrapped", "gzip", "zstd", "utf-16", "parquet")


def written(kind: str, seed: int) -> bytes:
    """A small file of two to four events as it should be."""
    rng = random.Random(seed)
    events = [
        sign_in(10 * seed + n, **({"unmapped": {"n": n}, "odd": n / 2} if rng.random() < 0.5 else {}))
        for n in range(rng.randint(2, 4))
    ]
    lines = "".join(json.dumps(event) + "\n" for event in events).encode()
    if kind == "parquet":
        out = io.BytesIO()
        pl.DataFrame(events, infer_schema_length=None).write_parquet(
            out, compression=rng.choice(["zstd", "snappy", "uncompressed"])
        )
        return out.getvalue()
    texts = {
        "lines": lines,
        "array": json.dumps(events).encode(),
        "pretty": "\n".join(json.dumps(event, indent=1) for event in events).encode(),
        "wrapped": json.dumps({"Records": events}).encode(),
        "gzip": gzip.compress(lines, mtime=0),
        "zstd": pa.compress(lines, codec="zstd", asbytes=True),
        "utf-16": lines.decode().encode("utf-16"),
    }
    return texts[kind]


def damaged(content: bytes, other: bytes, rng: random.Random) -> bytes:
    """A file that is cut, has some bits flipped, has parts of another file in it, or has a part twice or not at all."""
    one, two = sorted(rng.randrange(len(content)) for _ in range(2))
    match rng.randrange(5):
        case 0:
            return content[:two]
        case 1:
            flipped = bytearray(content)
            for _ in range(rng.choice([1, 1, 3, 20])):
                flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
            return bytes(flipped)
        case 2:
            return content[:one] + other[one:two] + content[two:]
        case 3:
            return content[:two] + content[one:]
    return content[:one] + content[two:]


def corpus(kind: str) -> Iterator[tuple[str, bytes]]:
    good = [written(kind, seed) for seed in range(40)]
    rng = random.Random(kind)
    for number in range(FILES):
        yield f"{number:04}", damaged(rng.choice(good), rng.choice(good), rng)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_ends_in_rows_or_reasons(tmp_path: Path, kind: str) -> None:
    for name, content in corpus(kind):
        (tmp_path / f"{name}.{'parquet' if kind == 'parquet' else 'json'}").write_bytes(content)
    table = read(tmp_path)
    summary = table.summary
    assert summary.files == FILES
    assert summary.rows_in == summary.rows_out + summary.rows_quarantined
    events = table.events.collect()
    assert events.height == summary.rows_out > 0
    assert summary.quarantined
    if kind != "lines":
        assert summary.unknown
    report = validate_folder(tmp_path)
    assert report.events > 0
