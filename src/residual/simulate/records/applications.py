"""Application lifecycle (6002) and application error (6008) events out of decisions."""

import numpy as np
import polars as pl

from residual.simulate import words
from residual.simulate.organization import Organization
from residual.simulate.records.columns import constant, pack, some, take
from residual.simulate.records.directory import Directory
from residual.simulate.records.header import Facts, Source, header

SOURCES = (
    Source("Observatory", "Lighthouse", "3.4", "apps", inventory=True, timing=True, relay=True),
    Source("Deployer", "Shipyard", "2.9", "releases", timing=True),
    Source("Runtime", "Corewell", "1.29", "events", relay=True, timing=True),
)


def _shared(
    class_uid: int, core: pl.DataFrame, org: Organization, entities: Directory, rng: np.random.Generator
) -> dict[str, pl.Series]:
    get = {name: core[name].to_numpy() for name in core.columns}
    n, app = core.height, get["app"]
    machine = org.applications[app]
    source = rng.choice(3, n, p=[0.4, 0.25, 0.35])
    inventory = source == 0
    error = get["is_error"] == 1
    facts = Facts(
        activity=get["activity"],
        failed=error,
        code=some(pl.Series(500 + get["error"]).cast(pl.String), error),
        detail=some(take(pl.Series(words.ERRORS), get["error"]), error),
        source=source,
        region=machine % len(words.API_REGIONS),
        ms=get["ms"],
    )
    full = inventory & (rng.random(n) < 0.3)
    name = take(pl.Series(words.APPLICATIONS), app)
    return {
        **header(class_uid, SOURCES, get["time"], facts, entities, rng),
        "count": pl.Series(get["count"]).cast(pl.Int32),
        "device": take(entities.devices, machine + len(entities.devices) // 2 * ~full),
        "actor": pack(
            {
                "app_name": name,
                "app_uid": some("app-" + pl.Series(app).cast(pl.String), inventory),
                "process": pack({"pid": pl.Series(rng.integers(1, 40_000, n)).cast(pl.Int32), "name": name}, inventory),
            }
        ),
    }


def errors(core: pl.DataFrame, org: Organization, entities: Directory, rng: np.random.Generator) -> pl.DataFrame:
    """One application error per row of `core`."""
    return pl.DataFrame(_shared(6008, core, org, entities, rng))


def lifecycle(core: pl.DataFrame, org: Organization, entities: Directory, rng: np.random.Generator) -> pl.DataFrame:
    """One change of an application's state per row of `core`."""
    app, n = core["app"].to_numpy(), core.height
    product = pack(
        {
            "name": take(pl.Series(words.APPLICATIONS), app),
            "uid": "app-" + pl.Series(app).cast(pl.String),
            "version": pl.Series(core["time"].to_numpy() // 86_400_000 % 40).cast(pl.String) + ".1",
            "vendor_name": some(constant("in-house", n), rng.random(n) < 0.6),
            "path": some("/srv/" + take(pl.Series(words.APPLICATIONS), app), rng.random(n) < 0.5),
            "url_string": some(constant(f"https://ci.{entities.domain}", n), rng.random(n) < 0.3),
        }
    )
    return pl.DataFrame({**_shared(6002, core, org, entities, rng), "app": product})
