"""What an event's neighbors in time say of it, for guard 5: counts, sums and rhythm around it, by entity.

Windows look both ways, because the guard asks what is in the records, not what a detector could know in time.
"""

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from residual.ocsf.simulate import words
from residual.ocsf.simulate.calendar import HOUR

Array = NDArray[np.float64]
Codes = NDArray[np.int64]


def codes(*columns: pl.Series) -> Codes:
    """A number for each combination of values; all nulls are one value."""
    frame = pl.DataFrame({str(k): column.fill_null("") for k, column in enumerate(columns)})
    return frame.select(pl.struct(pl.all()).rank("dense")).to_series().to_numpy().astype(np.int64)


def around(key: Codes, time: Codes, weight: Array, *, before: int, after: int) -> Array:
    """Sum of `weight` over the events of the same key from `before` ms before each event to `after` ms after it."""
    order = np.lexsort((time, key))
    place = key[order] * 2**42 + (time - time.min())[order] + before + after
    low = np.searchsorted(place, place - before, side="left")
    high = np.searchsorted(place, place + after, side="right")
    total = np.concatenate([[0.0], np.cumsum(weight[order])])
    result = np.empty(len(key))
    result[order] = total[high] - total[low]
    return result


def distinct(key: Codes, item: Codes, time: Codes, *, window: int) -> Array:
    """How many different items a key has about each event, counting an item again when it was gone for `window`."""
    pair = item * (int(key.max()) + 1) + key
    order = np.lexsort((time, pair))
    same = np.concatenate([[False], pair[order][1:] == pair[order][:-1]])
    recent = np.concatenate([[False], np.diff(time[order]) < window])
    new = np.empty(len(key))
    new[order] = ~(same & recent)
    return around(key, time, new, before=window, after=window)


def spread(key: Codes, time: Codes, value: Array, *, neighbors: int = 4) -> Array:
    """Standard deviation of `value` over an event's neighbors in the sequence of its key; large where it has none."""
    order = np.lexsort((time, key))
    k, v = key[order], value[order]
    index = np.arange(len(k))
    start = np.searchsorted(k, k)
    end = np.searchsorted(k, k, side="right")
    low, high = np.maximum(index - neighbors, start), np.minimum(index + neighbors + 1, end)
    first, second = (np.concatenate([[0.0], np.cumsum(v**power)]) for power in (1, 2))
    n = high - low
    variance = (second[high] - second[low]) / n - ((first[high] - first[low]) / n) ** 2
    result = np.empty(len(k))
    result[order] = np.where(n < neighbors, 99.0, np.sqrt(np.maximum(variance, 0)))
    return result


def _gaps(key: Codes, time: Codes) -> Array:
    """Logarithm of the time since the last event of the same key; that of a day for the first."""
    order = np.lexsort((time, key))
    gap = np.diff(time[order], prepend=time[order][0]).astype(float)
    gap[np.concatenate([[True], key[order][1:] != key[order][:-1]])] = 24 * HOUR
    result = np.empty(len(key))
    result[order] = np.log(np.maximum(gap, 1))
    return result


def _counts(
    keys: dict[str, Codes], time: Codes, weights: dict[str, Array], hours: tuple[float, ...]
) -> dict[str, Array]:
    return {
        f"{name}.{what}.{hour:g}h": around(key, time, weight, before=int(hour * HOUR), after=int(hour * HOUR))
        for name, key in keys.items()
        for what, weight in weights.items()
        for hour in hours
    }


def _total(key: Codes) -> Array:
    return np.bincount(key)[key].astype(float)


def _authentication(table: pl.DataFrame, time: Codes) -> dict[str, Array]:
    user, address = table["user.name"], table["src_endpoint.ip"]
    country = table["src_endpoint.location.country"]
    keys = {"user": codes(user), "address": codes(address), "pair": codes(user, address)}
    device = table["device.hostname"] if "device.hostname" in table.columns else country
    weights = {"all": np.ones(len(time)), "failed": (table["status_id"] == 2).to_numpy().astype(float)}
    weights["password"] = (
        ((table["status_id"] == 2) & (table["status_code"] != "0x19").fill_null(True)).to_numpy().astype(float)
    )
    found = _counts(keys, time, weights, (0.5, 3))
    for name, other in (("address", address), ("country", country), ("device", device)):
        pair = codes(user, other)
        found[f"{name}.known"] = _total(pair) / _total(keys["user"])
        found[f"{name}.times"] = _total(pair)
    found["users.of.address"] = distinct(keys["address"], keys["user"], time, window=HOUR)
    found["addresses.of.user"] = distinct(keys["user"], keys["address"], time, window=HOUR)
    return found


def _network(table: pl.DataFrame, time: Codes) -> dict[str, Array]:
    source, target = codes(table["src_endpoint.ip"]), codes(table["dst_endpoint.ip"])
    pair = codes(table["src_endpoint.ip"], table["dst_endpoint.ip"])
    out = table["traffic.bytes_out"].to_numpy().astype(float)
    median = pl.DataFrame({"s": source, "o": out}).select(pl.col("o").median().over("s")).to_series().to_numpy()
    large = (out > 8 * median).astype(float)
    found = _counts(
        {"source": source, "pair": pair}, time, {"all": np.ones(len(time)), "bytes": out, "large": large}, (1, 6)
    )
    found |= {
        "bytes.usual": found["source.bytes.6h"] / np.bincount(source, out)[source],
        "pair.bytes.usual": found["pair.bytes.6h"] / np.bincount(source, out)[source],
        "pair.now": found["pair.all.6h"] / _total(pair),
        "pair.times": _total(pair),
        "targets": distinct(source, target, time, window=HOUR),
        "sources": distinct(target, source, time, window=6 * HOUR),
        "rhythm": spread(pair, time, _gaps(pair, time)),
        "payload": spread(pair, time, np.log(out)),
        "gap": _gaps(pair, time),
    }
    found["pair.share"] = found["pair.bytes.6h"] / found["source.bytes.6h"]
    found["source.total"] = np.bincount(source, out)[source].astype(np.float64)
    found["source.typical"] = out / (found["source.total"] / _total(source))
    found["pair.mean"] = found["pair.bytes.6h"] / found["pair.all.6h"] / (found["source.total"] / _total(source))
    found["targets.usual"] = found["targets"] / found["source.all.1h"]
    return found


def _dns(table: pl.DataFrame, time: Codes) -> dict[str, Array]:
    parent = table["query.hostname"].str.replace(r"^[^.]+\.", "")
    source, below, name = codes(table["src_endpoint.ip"]), codes(parent), codes(table["query.hostname"])
    pair = codes(table["src_endpoint.ip"], parent)
    found = _counts({"source": source, "parent": below, "pair": pair}, time, {"all": np.ones(len(time))}, (0.5, 2))
    machines = pl.DataFrame({"p": below, "s": source}).select(pl.col("s").n_unique().over("p")).to_series()
    found |= {
        "names": distinct(pair, name, time, window=HOUR),
        "machines": machines.to_numpy().astype(float),
        "pair.times": _total(pair),
        "pair.now": found["pair.all.2h"] / _total(pair),
    }
    return found


def _calls(table: pl.DataFrame, time: Codes) -> dict[str, Array]:
    actor = codes(table["actor.user.name"])
    found = _counts({"actor": actor}, time, {"all": np.ones(len(time))}, (1, 6))
    wanted = [words.OPERATIONS[k][1] for k in (*words.PERSISTENCE, words.RUN, words.TERMINATE)]
    for name in wanted:
        is_it = (table["api.operation"] == name).to_numpy().astype(np.float64)
        found[f"{name}.here"] = is_it
        for hours in (0.5, 6):
            found[f"{name}.before.{hours}"] = around(actor, time, is_it, before=int(hours * HOUR), after=0)
            found[f"{name}.after.{hours}"] = around(actor, time, is_it, before=0, after=int(hours * HOUR))
    for hours in (0.5, 6):
        both = [found[f"{n}.before.{hours}"] + found[f"{n}.after.{hours}"] > 0 for n in wanted[:4]]
        found[f"four.{hours}"] = np.sum(both, axis=0).astype(np.float64)
    operation = codes(table["api.operation"])
    slow = np.log(table["duration"].fill_null(strategy="mean").to_numpy().astype(float) + 1)
    found["slow"] = around(operation, time, slow, before=HOUR, after=HOUR) / around(
        operation, time, np.ones(len(time)), before=HOUR, after=HOUR
    )
    found["operation"] = operation.astype(np.float64)
    return found


def _errors(table: pl.DataFrame, time: Codes) -> dict[str, Array]:
    app, everything = codes(table["actor.app_name"]), np.zeros(len(time), dtype=np.int64)
    slow = np.log(table["duration"].fill_null(strategy="mean").to_numpy().astype(float) + 1)
    slow = slow - (np.bincount(app, slow) / np.maximum(np.bincount(app), 1))[app]
    weights = {"all": np.ones(len(time)), "slow": slow}
    found = _counts({"app": app, "all": everything}, time, weights, (0.25, 1, 3))
    for hours in (0.25, 1, 3):
        found[f"slow.{hours}"] = found[f"app.slow.{hours:g}h"] / found[f"app.all.{hours:g}h"]
        found[f"usual.{hours}"] = found[f"app.all.{hours:g}h"] / _total(app)
    return found


WINDOWS: dict[str, Callable[[pl.DataFrame, Codes], dict[str, Array]]] = {
    "authentication": _authentication,
    "network_activity": _network,
    "dns_activity": _dns,
    "api_activity": _calls,
    "application_error": _errors,
}


def windowed(name: str, table: pl.DataFrame) -> Array:
    """Features of the window about each event of a class, float [events, features].

    Raises:
        ValueError: for a class that has no windows.
    """
    if name not in WINDOWS:
        raise ValueError(f"name must be one of {', '.join(WINDOWS)}, got {name!r}")
    time = table["time"].to_numpy().astype(np.int64)
    return np.column_stack(list(WINDOWS[name](table, time).values()))
