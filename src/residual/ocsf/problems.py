"""What keeps a row out of the table, as one expression: the first thing that is wrong with it, null where nothing is.

In this order: a value that its column's type cannot hold, a required field that is missing, a class that OCSF does not
have, a time that is not in milliseconds. All else that can be wrong, `residual.ocsf.validate` finds. Told in
`book/part3/records.md`.
"""

from collections.abc import Mapping
from functools import cache

import polars as pl

from residual.ocsf.casting import Cast
from residual.ocsf.columns import is_time
from residual.ocsf.schema import VERSION, class_features, ocsf, requirement
from residual.ocsf.times import time_faults

BASE_EVENT = 0


@cache
def required() -> tuple[str, ...]:
    """The columns that an event of any class must have, whatever its profiles."""
    paths = class_features(BASE_EVENT, profiles=())
    return tuple(path for path in paths if requirement(BASE_EVENT, path, profiles=()) == "required")


def reason(casts: Mapping[str, Cast]) -> pl.Expr:
    """The first problem of a row, given the columns of its file."""
    found = [_when(cast.lost, cast.message) for cast in casts.values() if cast.lost is not None]
    for path in required():
        missing = casts[path].value.is_null() if path in casts else pl.lit(True)
        found.append(_when(missing, f"{path}: required, but missing"))
    if "class_uid" in casts:
        classes = [entry["uid"] for entry in ocsf()["classes"].values()]
        known = casts["class_uid"].value.is_in(classes)
        found.append(_when(~known, f"class_uid: no class of OCSF {VERSION}"))
    found += [pl.lit(f"{path}: ") + time_faults(cast.value) for path, cast in casts.items() if is_time(path)]
    return pl.coalesce(found)


def _when(condition: pl.Expr, message: str) -> pl.Expr:
    return pl.when(condition).then(pl.lit(message))
