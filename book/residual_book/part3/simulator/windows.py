"""What an event's neighbors say of it, for guard 5: counts, sums, rhythm, and habits of the entities around it.

Windows look both ways, because the guard asks what is in the records, not what a detector could know in time.
"""

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from residual.simulate import words
from residual.simulate.calendar import HOUR
from residual.tabular.windows import Timeline
from residual_book.organizations import Array, Tables
from residual_book.part3.simulator.habits import STEPS, in_order, surprisal, together

LONGEST = 6 * HOUR  # of all windows
PRIVATE = r"^(10|172|192)\."  # addresses of the organization's own networks
STEADY = 4  # neighbors on either side that tell whether a sequence is steady


class Neighbors(Timeline):
    """The events of each entity in order of time, where an entity is one combination of the values of some columns.

    Args:
        table: events in order of time.
        columns: strings; all nulls of a column are one value. Without columns, all events are of one entity.
    """

    def __init__(self, table: pl.DataFrame, *columns: pl.Series | str) -> None:
        named = [table[column] if isinstance(column, str) else column for column in columns]
        frame = pl.DataFrame({"": np.zeros(table.height)} | {str(k): c.fill_null("") for k, c in enumerate(named)})
        self.code = frame.select(pl.struct(pl.all()).rank("dense")).to_series().to_numpy().astype(np.int64)
        super().__init__(self.code.astype(np.uint64), table["time"].to_numpy().astype(np.int64), LONGEST)

    def sums(self, weight: Array, *, before: int, after: int) -> Array:
        """Sum of `weight` over the entity's events from `before` ms before each event to `after` ms after it."""
        low = np.searchsorted(self.axis, self.axis - before, side="left")
        high = np.searchsorted(self.axis, self.axis + after, side="right")
        total = np.concatenate([[0.0], np.cumsum(weight[self.order])])
        return self._in_rows(total[high] - total[low])

    def total(self, weight: Array | None = None) -> Array:
        """Sum of `weight` over all events of the entity, or their number."""
        return np.bincount(self.code, weight)[self.code].astype(np.float64)

    def different(self, pairs: "Neighbors", *, window: int) -> Array:
        """How many different pairs of the entity and something else are within `window` ms on either side of an event.

        A pair counts again when it was gone for `window`.
        """
        begins = np.diff(pairs.axis, prepend=pairs.axis[:1] - window) >= window
        return self.sums(pairs._in_rows(begins.astype(np.float64)), before=window, after=window)

    def gaps(self) -> Array:
        """Logarithm of the milliseconds since the entity's last event; that of a day for its first."""
        gap = np.diff(self.time, prepend=self.time[:1]).astype(np.float64)
        gap[self.first == np.arange(len(gap))] = 24 * HOUR
        return self._in_rows(np.log(np.maximum(gap, 1)))

    def deviation(self, value: Array) -> Array:
        """Standard deviation of `value` over the neighbors of each event in its entity's sequence; 99 for too few."""
        index = np.arange(len(value))
        end = np.searchsorted(self.entity, self.entity, side="right")
        low, high = np.maximum(index - STEADY, self.first), np.minimum(index + STEADY + 1, end)
        first, second = (np.concatenate([[0.0], np.cumsum(value[self.order] ** power)]) for power in (1, 2))
        n = high - low
        variance = (second[high] - second[low]) / n - ((first[high] - first[low]) / n) ** 2
        return self._in_rows(np.where(n < STEADY, 99.0, np.sqrt(np.maximum(variance, 0))))


def _counts(entities: dict[str, Neighbors], hours: Sequence[float], **sums: Array) -> dict[str, Array]:
    """Events of each entity, and `sums` of other things, within `hours` on either side of each event."""
    weights = {"all": np.ones(len(next(iter(entities.values())).code))} | sums
    return {
        f"{name}.{what}.{hour:g}h": events.sums(weight, before=int(hour * HOUR), after=int(hour * HOUR))
        for name, events in entities.items()
        for what, weight in weights.items()
        for hour in hours
    }


def _authentication(tables: Tables) -> dict[str, Array]:
    table = tables["authentication"]
    user, address = Neighbors(table, "user.name"), Neighbors(table, "src_endpoint.ip")
    pair = Neighbors(table, "user.name", "src_endpoint.ip")
    failed = table["status_id"] == 2
    password = failed & (table["status_code"] != "0x19").fill_null(True)
    entities = {"user": user, "address": address, "pair": pair}
    features = _counts(entities, (0.5, 3), failed=_float(failed), password=_float(password))
    country, device = "src_endpoint.location.country", "device.hostname"
    for name, column in (("address", "src_endpoint.ip"), ("country", country), ("device", device)):
        times = Neighbors(table, "user.name", column).total()
        features |= {f"{name}.known": times / user.total(), f"{name}.times": times}
    winner = table.select(pl.format("{} {}", "is_mfa", "status_id")).to_series()
    inside = table["src_endpoint.ip"].str.contains(PRIVATE)
    features |= _pairs(
        device=together(table, "user.name", device),
        factor=together(table, "user.type", winner),
        origin=together(table, "service.name", inside),
    )
    features |= _sessions(tables)
    features["users.of.address"] = address.different(pair, window=HOUR)
    features["addresses.of.user"] = user.different(pair, window=HOUR)
    return features


def _sessions(tables: Tables) -> dict[str, Array]:
    """What is odd about a sign-in's session: its hour, devices, places, failures, and what is done in it."""
    table, calls = tables["authentication"], caller(tables["api_activity"])
    odd = {"one": pl.Series(surprisal(calls, orders=1)), "three": pl.Series(surprisal(calls))}
    done = calls.select("session", **odd).drop_nulls().group_by("session")
    of_session = done.agg(pl.len().alias("calls"), pl.col(list(odd)).mean())
    joined = table.select(session="session.uid").join(of_session, on="session", how="left", maintain_order="left")
    session, named = Neighbors(table, "user.name", "session.uid"), table["session.uid"].is_not_null().to_numpy()
    events = {
        "device": together(table, "user.name", "device.hostname"),
        "country": together(table, "user.name", "src_endpoint.location.country"),
        "hour": together(table, "user.name", (table["time"] // HOUR % 24).cast(pl.String)),
        "failed": _float(table["status_id"] == 2),
    }
    return {
        **{f"session.{name}": np.where(named, session.total(v) / session.total(), -1) for name, v in events.items()},
        **{f"session.{name}": _float(joined[name].cast(pl.Float64).fill_null(-1)) for name in ("calls", *odd)},
        "session.events": session.total(),
        "hour": events["hour"],
        "country.fits": np.round(2 * events["country"]),
    }


def caller(calls: pl.DataFrame) -> pl.DataFrame:
    """`user`, `operation`, `time` and `session` of each call."""
    return calls.select(user="actor.user.name", operation="api.operation", time="time", session="actor.session.uid")


def _processes(tables: Tables) -> dict[str, Array]:
    table = tables["process_activity"]
    machine = Neighbors(table, "device.hostname")
    return _counts({"machine": machine}, (1, 6)) | _pairs(
        system=together(table, "process.name", "device.os.name"),
        user=together(table, "actor.user.name", "device.hostname"),
    )


def _pairs(**fits: Array) -> dict[str, Array]:
    """How well pairs of values fit, and the pair that does least; in steps, so that trees tell the rare ones apart."""
    least = np.min(list(fits.values()), axis=0)
    return {f"{name}.fits": np.round(2 * values) for name, values in fits.items()} | {"oddest": np.round(2 * least)}


def _network(tables: Tables) -> dict[str, Array]:
    table = tables["network_activity"]
    source, target = Neighbors(table, "src_endpoint.ip"), Neighbors(table, "dst_endpoint.ip")
    pair = Neighbors(table, "src_endpoint.ip", "dst_endpoint.ip")
    out = _float(table["traffic.bytes_out"])
    median = table.select(pl.col("traffic.bytes_out").cast(pl.Float64).median().over("src_endpoint.ip")).to_series()
    large = (out > 8 * median.to_numpy()).astype(np.float64)
    features = _counts({"source": source, "pair": pair}, (1, 6), bytes=out, large=large)
    of_source, usual = source.total(out), source.total(out) / source.total()
    features |= {
        "bytes.usual": features["source.bytes.6h"] / of_source,
        "pair.bytes.usual": features["pair.bytes.6h"] / of_source,
        "pair.now": features["pair.all.6h"] / pair.total(),
        "pair.times": pair.total(),
        "targets": source.different(pair, window=HOUR),
        "sources": target.different(pair, window=6 * HOUR),
        "rhythm": pair.deviation(pair.gaps()),
        "payload": pair.deviation(np.log(out)),
        "gap": pair.gaps(),
        "pair.share": features["pair.bytes.6h"] / features["source.bytes.6h"],
        "source.total": of_source,
        "source.typical": out / usual,
        "pair.mean": features["pair.bytes.6h"] / features["pair.all.6h"] / usual,
    }
    inside = table["dst_endpoint.ip"].str.contains(PRIVATE)
    features |= _pairs(port=together(table, inside, table["dst_endpoint.port"]))
    features["targets.usual"] = features["targets"] / features["source.all.1h"]
    return features


def _dns(tables: Tables) -> dict[str, Array]:
    table = tables["dns_activity"]
    parent = table["query.hostname"].str.replace(r"^[^.]+\.", "")
    pair = Neighbors(table, "src_endpoint.ip", parent)
    names = Neighbors(table, "src_endpoint.ip", parent, "query.hostname")
    entities = {"source": Neighbors(table, "src_endpoint.ip"), "parent": Neighbors(table, parent), "pair": pair}
    features = _counts(entities, (0.5, 2))
    machines = table.select(pl.col("src_endpoint.ip").n_unique().over(parent)).to_series()
    return features | {
        "names": pair.different(names, window=HOUR),
        "machines": _float(machines),
        "pair.times": pair.total(),
        "pair.now": features["pair.all.2h"] / pair.total(),
    }


def _calls(tables: Tables) -> dict[str, Array]:
    table = tables["api_activity"]
    calls = caller(table)
    actor, operation = Neighbors(table, "actor.user.name"), Neighbors(table, "api.operation")
    odd = surprisal(calls)
    features = _counts({"actor": actor}, (0.5, 6), odd=odd)
    for name in (*STEPS, *(words.OPERATIONS[k][1] for k in (words.RUN, words.TERMINATE))):
        features[f"{name}.here"] = here = _float(table["api.operation"] == name)
        features[f"{name}.near"] = actor.sums(here, before=6 * HOUR, after=6 * HOUR)
    part, usual = in_order(calls)
    features |= {"odd": odd, "in.order": part, "in.order.usually": usual}
    near = _counts({"": operation}, (1,), slow=_slowness(table))
    features["slow"] = near[".slow.1h"] / near[".all.1h"]
    features["operation"] = operation.code.astype(np.float64)
    return features


def _errors(tables: Tables) -> dict[str, Array]:
    table = tables["application_error"]
    app, slow = Neighbors(table, "actor.app_name"), _slowness(table)
    features = _counts({"app": app, "all": Neighbors(table)}, (0.25, 1, 3), slow=slow - app.total(slow) / app.total())
    for hours in (0.25, 1, 3):
        features[f"slow.{hours}"] = features[f"app.slow.{hours:g}h"] / features[f"app.all.{hours:g}h"]
        features[f"usual.{hours}"] = features[f"app.all.{hours:g}h"] / app.total()
    return features


def _slowness(table: pl.DataFrame) -> Array:
    return np.log(_float(table["duration"].fill_null(strategy="mean")) + 1)


def _float(values: pl.Series) -> Array:
    return values.to_numpy().astype(np.float64)


# Features of the surroundings of each event, by class: name -> (events,).
WINDOWS: dict[str, Callable[[Tables], dict[str, Array]]] = {
    "authentication": _authentication,
    "network_activity": _network,
    "dns_activity": _dns,
    "api_activity": _calls,
    "process_activity": _processes,
    "application_error": _errors,
}
