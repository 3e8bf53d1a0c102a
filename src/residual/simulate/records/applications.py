"""Application lifecycle (6002) and application error (6008) events out of decisions."""

import numpy as np
import polars as pl

from residual.simulate import words
from residual.simulate.organization import Organization
from residual.simulate.records import columns as c
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
        code=c.some(pl.Series(500 + get["error"]).cast(pl.String), error),
        detail=c.some(c.take(pl.Series(words.ERRORS), get["error"]), error),
        source=source,
        region=machine % len(words.API_REGIONS),
        ms=get["ms"],
    )
    full = inventory & (rng.random(n) < 0.3)
    name = c.take(pl.Series(words.APPLICATIONS), app)
    return {
        **header(class_uid, SOURCES, get["time"], facts, entities, rng),
        "count": pl.Series(get["count"]).cast(pl.Int32),
        "device": entities.device(machine, full),
        "actor.app_name": name,
        "actor.app_uid": c.some("app-" + pl.Series(app).cast(pl.String), inventory),
        "actor.process": c.pack({"pid": c.numbers(rng, n, 1, 40_000), "name": name}, inventory),
    }


def errors(core: pl.DataFrame, org: Organization, entities: Directory, rng: np.random.Generator) -> pl.DataFrame:
    """One application error per row of `core`."""
    return c.nested(_shared(6008, core, org, entities, rng))


def lifecycle(core: pl.DataFrame, org: Organization, entities: Directory, rng: np.random.Generator) -> pl.DataFrame:
    """One change of an application's state per row of `core`."""
    app = core["app"].to_numpy()
    name, n = c.take(words.APPLICATIONS, app), core.height
    product = {
        "app.name": name,
        "app.uid": "app-" + pl.Series(app).cast(pl.String),
        "app.version": pl.Series(core["time"].to_numpy() // 86_400_000 % 40).cast(pl.String) + ".1",
        "app.vendor_name": c.only("in-house", rng.random(n) < 0.6),
        "app.path": c.some("/srv/" + name, rng.random(n) < 0.5),
        "app.url_string": c.only(f"https://ci.{entities.domain}", rng.random(n) < 0.3),
    }
    return c.nested({**_shared(6002, core, org, entities, rng), **product})
