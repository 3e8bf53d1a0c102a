"""Events day by day, with the few columns that detectors look at, and who takes part in each.

An OCSF record names its parties in other places from class to class. Here each kind of entity has one column, so that
a user is a user whether they sign in or call an API. Records of traffic and lookups often lack the name of the machine;
it is the one that used the address last, if that is less than `MEMORY` ago.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from residual.ocsf.intake import UID
from residual.tabular.addresses import SCOPES, scopes_and_subnets

HOUR = 3_600_000
DAY = 24 * HOUR
MEMORY = 4 * HOUR
NETWORK = 4  # the category of classes in which `device` is the sensor, not the machine that acts
GAP, FEW = 7, 0.01  # days; share of all events
Days = dict[int, Path]

# The first that is filled counts.
_PATHS = {
    "user": ("user.name", "actor.user.name"),
    "user type": ("user.type", "actor.user.type"),
    "address": ("src_endpoint.ip",),
    "destination": ("dst_endpoint.ip", "dst_endpoint.hostname"),
    "application": ("actor.app_name",),
    "operation": ("api.operation",),
    "program": ("process.name",),
    "system": ("device.os.name",),
    "service": ("service.name",),
    "country": ("src_endpoint.location.country",),
    "second factor": ("is_mfa",),
    "port": ("dst_endpoint.port",),
    "agent": ("http_request.user_agent",),
    "endpoint type": ("src_endpoint.type",),
}
KINDS = ("user", "address", "machine", "destination", "domain", "application")
NUMBERS = {"sent": "traffic.bytes_out", "times": "count"}
_KEPT = ("class_uid", "time", UID, "status_id", "activity_id", "query.hostname")
_OF_MACHINES = ("device.hostname", "src_endpoint.hostname")
COLUMNS = tuple(
    dict.fromkeys((*_KEPT, *_OF_MACHINES, *(path for paths in _PATHS.values() for path in paths), *NUMBERS.values()))
)
VALUES = (*KINDS, *(name for name in _PATHS if name not in KINDS), "scope", "scope to")
SCHEMA = {
    "class_uid": pl.Int32, "time": pl.Int64, "uid": pl.String, "status_id": pl.Int32, "activity_id": pl.Int32,
    **dict.fromkeys((*VALUES, "query"), pl.String), **dict.fromkeys(NUMBERS, pl.Float64),
}  # fmt: skip


def by_day(events: pl.LazyFrame, folder: Path, *, after: int | None = None) -> tuple[Days, int, int]:
    """Write the `COLUMNS` of events to a Parquet file per day (UTC), in one pass, for `on_day` to read.

    Args:
        events: as `residual.ocsf.read` gives them.
        folder: a new one for the files.
        after: the last day that is done, in days since 1970. Events of it and of days before come too late.

    Returns:
        The files by day, how many events came too late, and how many are astray: more than `GAP` days from all others,
        and fewer than `FEW` of all, as the clock of a machine makes them that is wrong. They have no file.
    """
    folder.mkdir(parents=True)
    parts: dict[int, list[Path]] = {}
    counts: Counter[int] = Counter()
    late = 0
    for number, some in enumerate(events.collect_batches(chunk_size=1 << 16)):
        narrow = narrowed(some).with_columns(day=pl.col("time") // DAY)
        if after is not None:
            late += narrow.filter(pl.col("day") <= after).height
            narrow = narrow.filter(pl.col("day") > after)
        for (day,), piece in narrow.partition_by("day", as_dict=True, include_key=False).items():
            path = folder / f"{day}-{number}.parquet"
            piece.write_parquet(path, compression="lz4")
            parts.setdefault(int(day), []).append(path)
            counts[int(day)] += piece.height
    together = _together(counts)
    days = {}
    for day, paths in sorted(parts.items()):
        if day not in together:
            continue
        days[day] = folder / f"{day}.parquet"
        whole = pl.concat([pl.read_parquet(path) for path in paths]).sort("time", "uid", maintain_order=True)
        whole.write_parquet(days[day], compression="lz4")
        for path in paths:
            path.unlink()
    return days, late, counts.total() - sum(counts[day] for day in together)


def _together(counts: Mapping[int, int]) -> range:
    """From the first to the last day that is not astray, by the number of events of each day."""
    runs: list[list[int]] = []
    for day in sorted(counts):
        if runs and day - runs[-1][-1] <= GAP:
            runs[-1].append(day)
        else:
            runs.append([day])
    large = [run for run in runs if sum(counts[day] for day in run) >= FEW * sum(counts.values())]
    return range(large[0][0], large[-1][-1] + 1) if large else range(0)


def every_day(days: Days, start: int) -> Iterator[tuple[int, pl.DataFrame]]:
    """Each day from `start` to the last with its events in the order of time; a day without events has none."""
    for day in range(start, max(days, default=start - 1) + 1):
        yield day, pl.read_parquet(days[day]) if day in days else pl.DataFrame(schema=SCHEMA)


def with_machines(events: pl.DataFrame, known: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Events of the network with the machine that their address had last; and what is known for the next day.

    Args:
        events: in the order of time.
        known: `time`, `address`, `machine` of earlier events, in the order of time.
    """
    network = pl.col("class_uid") // 1000 == NETWORK
    named = events.filter(network).select("time", "address", "machine").drop_nulls()
    known = pl.concat([known, named])
    last = known.rename({"machine": "last"})
    joined = events.join_asof(last, on="time", by="address", tolerance=MEMORY, check_sortedness=False)
    machine = pl.when(network).then(pl.coalesce("machine", "last")).otherwise("machine")
    recent = known.filter(pl.col("time") > pl.col("time").max() - MEMORY)
    return joined.with_columns(machine=machine).select(list(SCHEMA)), recent


def narrowed(events: pl.DataFrame) -> pl.DataFrame:
    """The columns of `SCHEMA` out of those of OCSF, dotted, of which some may be missing."""
    missing = [name for name in COLUMNS if name not in events.columns]
    events = events.with_columns(pl.lit(None).alias(name) for name in missing)

    def text(*paths: str) -> pl.Expr:
        return pl.coalesce([pl.col(path).cast(pl.String) for path in paths])

    device, source = (text(path) for path in _OF_MACHINES)
    machine = pl.when(pl.col("class_uid") // 1000 == NETWORK).then(source).otherwise(device)
    columns = {name: text(*paths) for name, paths in _PATHS.items()}
    columns |= {
        "machine": machine,
        "domain": text("query.hostname").str.replace(r"^[^.]+\.", ""),  # what follows the first label
        "query": text("query.hostname"),
        "uid": pl.col(UID).cast(pl.String),
        **{name: _amount(pl.col(path).cast(pl.Float64)) for name, path in NUMBERS.items()},
    }
    table = events.select(
        *(pl.col(name).cast(SCHEMA[name]) for name in ("class_uid", "time", "status_id", "activity_id")), **columns
    )
    scopes = {"scope": _scope(table["address"]), "scope to": _scope(table["destination"])}
    return table.with_columns(**scopes).select(list(SCHEMA))


def _amount(number: pl.Expr) -> pl.Expr:
    """An amount as it can be: what is below zero or not finite, as a broken sensor reports it, is not known."""
    return pl.when(number.is_finite() & (number >= 0)).then(number)


def _scope(addresses: pl.Series) -> pl.Series:
    """Whether an address is public, private, ... by name; null where there is none."""
    values = addresses.drop_nulls().unique()
    scope = scopes_and_subnets(values)[0]
    names = [SCOPES[code % len(SCOPES)] if code >= 0 else None for code in scope.tolist()]
    return addresses.replace_strict(values, pl.Series(names, dtype=pl.String), default=None, return_dtype=pl.String)
