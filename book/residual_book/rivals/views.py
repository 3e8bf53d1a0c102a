"""What Sup looks at: windows of accounts, callers and applications, and single events. `network` has the others.

Each view is a table with a row for each hour in which somebody, or a pair, acts: the first columns name the window and
its entities as in `SCORED`, the others are features. Nothing looks ahead.
"""

from collections.abc import Mapping

import polars as pl

from residual_book.rivals.histories import before, flag, gap, histories, hour_of, is_new, joined, window
from residual_book.rivals.sequences import hours, orders

Events = Mapping[str, pl.DataFrame]
COLUMNS = {
    "authentication": ("status_id", "service.name", "is_mfa", "user.type", "src_endpoint.location.country"),
    "network_activity": ("dst_endpoint.port", "traffic.bytes_out", "status_id", "src_endpoint.type"),
    "dns_activity": ("query.hostname",),
    "api_activity": ("api.operation", "actor.user.type"),
    "process_activity": ("process.name", "device.os.name"),
    "application_error": ("duration",),
}
PRIVATE = r"^(10\.|172\.|192\.168\.)"
MACHINE = pl.coalesce("machine", "address")  # where no record said whose address it was
FAILED, ENTERED = flag(pl.col("status_id") == 2), flag(pl.col("status_id") == 1)


def accounts(events: Events) -> pl.DataFrame:
    """Users at addresses: sign-ins and calls together, so that what follows a strange sign-in counts."""
    country = pl.col("src_endpoint.location.country").alias("country")
    done = {"sign": pl.lit(1.0), "fail": FAILED, "enter": ENTERED, "service": _service("user.type")}
    shared = ["uid", "time", "user", "address", "session"]
    signs = events["authentication"].select(*shared, "machine", country, **done)
    calls = orders(events["api_activity"]).select(
        *shared, "odd", "rare", "operation.new", call=pl.lit(1.0), service=_service("actor.user.type")
    )
    both = (
        pl.concat([signs, calls], how="diagonal").sort("time", "uid").with_columns(pl.col("enter", "call").fill_null(0))
    )
    # The internet tries everybody's name: what somebody is used to is where they came in.
    came = pl.col("enter") + pl.col("call")
    both = both.with_columns(country=pl.col("country").forward_fill().over("address"), came=came)
    both = both.with_columns(
        pair=is_new("user", "address"),
        known=pl.col("came") * _past("came", "user", "country").log1p(),
        foreign=pl.col("came") * flag(_past("came", "user", "country") == 0) * pl.col("country").is_not_null(),
        here=_past("came", "user", "address").log1p(),
        strange=is_new("user", "machine"),
        device=flag(_past("came", "user", "machine") > 0) * pl.col("machine").is_not_null(),
        tried=is_new("address", "session"),
        late=hours("user", "came"),
    )
    few = ["sign", "fail", "enter", "call", "pair", "foreign"]
    odd = ["odd", "rare", "operation.new", "known", "here", "strange", "device", "tried", "late", "service"]
    both = both.with_columns(pl.col(*few, *odd).fill_null(0))
    rows = histories(both, ["user", "address"], [*few, *odd])
    rows = joined(rows, histories(both, ["user"], few), "user")
    rows = joined(rows, histories(both, ["address"], few), "address")
    return window(rows, 4, "user", "address")


def sources(events: Events) -> pl.DataFrame:
    """Addresses that sign in: how many users, how many of them are new there, how many fail; and all addresses."""
    signs = events["authentication"].with_columns(
        fail=FAILED, pair=is_new("user", "address"), tried=is_new("session"), again=gap("user", "address")
    )
    signs = signs.with_columns(
        users=flag(pl.col("again").fill_null(240) >= 240), failing=pl.col("fail") * pl.col("pair"), all=pl.lit("all")
    )
    rows = histories(signs, ["address"], ["fail", "pair", "users", "failing", "tried"])
    rows = joined(rows.with_columns(all=pl.lit("all")), histories(signs, ["all"], ["users", "failing"]), "all")
    return window(rows, 4, "address")


def callers(events: Events) -> pl.DataFrame:
    """Users of the cloud: which operations in the last hours, in which order, beside their own past."""
    calls = orders(events["api_activity"])
    operations = {f"op.{name}": name for name in sorted(calls["api.operation"].unique())}
    calls = calls.with_columns(
        service=_service("actor.user.type"), **{k: flag(pl.col("api.operation") == v) for k, v in operations.items()}
    )
    odd = ["odd", "odd.sum", "rare", "gram.new", "operation.new"]
    rows = histories(calls, ["user"], [*odd, "service", *operations], most=odd[:2])
    return window(rows, 6, "user")


def applications(events: Events) -> pl.DataFrame:
    """Applications: errors, how slow they are beside those before, changes; and the errors of all applications."""
    errors = events["application_error"].with_columns(
        error=pl.lit(1.0), slow=pl.col("duration").log1p(), number=before("application")
    )
    errors = errors.with_columns(
        slower=pl.col("slow") - pl.col("slow").cum_sum().over("application") / (pl.col("number") + 1)
    )
    changes = events["application_lifecycle"].with_columns(change=pl.lit(1.0))
    both = pl.concat([errors, changes], how="diagonal").sort("time", "uid")
    numbers = ["error", "slower", "change"]
    both = both.with_columns(pl.col(numbers).fill_null(0), all=pl.lit("all"))
    rows = histories(both, ["application"], numbers).with_columns(all=pl.lit("all"))
    return window(joined(rows, histories(both, ["all"], numbers), "all"), 4, "application")


def combinations(events: Events) -> pl.DataFrame:
    """Single events whose values seldom came together: program and system, kind of account and service, host and port.

    Of sign-ins with a second factor, those of service accounts stay as well: leaked names are tried like this, too.
    """
    private, inside = (pl.col(who).str.contains(PRIVATE) for who in ("address", "destination"))
    account = pl.concat_str("user.type", pl.col("is_mfa").cast(pl.String), separator=" ")
    service = pl.concat_str("service.name", private.cast(pl.String), separator=" ")
    tried = {"tried": FAILED.cum_sum().over("address"), "users": is_new("user", "address").cum_sum().over("address")}
    second = flag(pl.col("is_mfa") & (pl.col("user.type") == "Service"))
    flows = events["network_activity"].with_columns(machine=MACHINE)
    port, sort = pl.col("dst_endpoint.port").cast(pl.String), pl.col("src_endpoint.type").forward_fill().over("machine")
    parts = [
        _together(events["process_activity"], "user", pl.col("process.name"), pl.col("device.os.name"), which=0),
        _together(events["authentication"], "user", account, service, which=1, second=second, **tried),
        _together(flows, "address", pl.col("destination"), port, which=2, inside=flag(inside)),
        _together(flows.filter(~inside), "address", pl.col("destination"), sort, which=3),
    ]
    seldom = pl.concat(parts, how="diagonal").filter((pl.col("share") < 0.02) | (pl.col("second") > 0))
    return window(seldom.with_columns(hour=hour_of("time")).drop("time"), 1)


def _together(table: pl.DataFrame, who: str, first: pl.Expr, last: pl.Expr, **more: int | pl.Expr) -> pl.DataFrame:
    """How often two values came in earlier events, together and each, and the first one for this entity."""
    kind, numbers = pl.lit(who), {name: pl.lit(v) if isinstance(v, int) else v for name, v in more.items()}
    values = table.select("time", kind=kind, value=who, first=first, last=last, **numbers).with_columns(
        together=before("first", "last"), a=before("first"), b=before("last"), own=before("value", "first")
    )
    return values.with_columns(share=pl.col("together") / (pl.col("a") + 1)).drop("first", "last")


def _past(column: str, *over: str) -> pl.Expr:
    """The sum of a column in earlier events that share some values."""
    return pl.col(column).cum_sum().over(over) - pl.col(column)


def _service(column: str) -> pl.Expr:
    return flag(pl.col(column) == "Service")
