"""Process activity events (1007) out of decisions."""

import numpy as np
import polars as pl

from residual.simulate import words
from residual.simulate.activity.processes import TERMINATE
from residual.simulate.organization import Ints, Organization
from residual.simulate.records import columns as c
from residual.simulate.records.directory import Directory
from residual.simulate.records.header import Facts, Source, header
from residual.simulate.sessions import HOST_LOGON, open_session, session_uid

SOURCES = (
    Source("Endpoint Sensor", "Falconet", "7.14", "process", inventory=True),
    Source("Sysmon", "Microsoft", "15.1", "Operational", relay=True),
    Source("auditd", "Linux", "3.1", "audit", relay=True, timing=True),
)
ENDPOINT, SYSMON, AUDIT = range(3)


def _file(program: Ints, rng: np.random.Generator, hashes: pl.Series, full: np.ndarray) -> pl.Series:
    names, _, folders, *_ = zip(*words.PROGRAMS, strict=True)
    name, folder, n = c.take(pl.Series(names), program), c.take(pl.Series(folders), program), len(program)
    windows = folder.str.starts_with("C:").to_numpy()
    joined = folder + c.take(["/", "\\"], windows.astype(np.int64)) + name
    digest = c.pack({**c.with_caption("fingerprint", "algorithm_id", np.full(n, 3)), "value": c.take(hashes, program)})
    return c.pack(
        {
            "name": name,
            "path": joined,
            **c.with_caption("file", "type_id", np.ones(n)),
            "ext": c.only("exe", windows),
            "size": c.some(pl.Series(20_000 + program * 77_777), full),
            "company_name": c.some(c.take(["Microsoft", "Apple", "Open Source"], program % 3), full & windows),
            "version": c.some(pl.Series(program % 9 + 1).cast(pl.String) + ".2", full),
            "created_time": c.some(c.timed(1_700_000_000_000 + program * 10**9), full),
            "hashes": c.some(
                pl.DataFrame({"h": digest}).select(pl.concat_list("h"))["h"], full | (rng.random(n) < 0.5)
            ),
        }
    )


def records(core: pl.DataFrame, org: Organization, entities: Directory, rng: np.random.Generator) -> pl.DataFrame:
    """One event per row of `core`."""
    get = {name: core[name].to_numpy() for name in core.columns}
    n, user, machine, program = core.height, get["user"], get["machine"], get["program"]
    ended = get["action"] == TERMINATE
    system = org.machines.system[machine]
    dice, managed = rng.random(n), org.machines.managed[machine]
    windows = np.isin(system, (words.WINDOWS, words.SERVER))
    source = np.where(managed & (dice < 0.6), ENDPOINT, np.where(windows, SYSMON, AUDIT))
    inventory = source == ENDPOINT
    full = inventory & (rng.random(n) < 0.3)
    facts = Facts(
        activity=get["action"],
        failed=rng.random(n) < 0.02,
        code=c.only("0", source == AUDIT),
        detail=c.only("completed", ended & (source == SYSMON)),
        source=source,
        region=machine % len(words.API_REGIONS),
        ms=get["seconds"] * 1000,
    )
    logon = session_uid(org, open_session(org, user, get["time"]), HOST_LOGON)
    names, parents, folders, arguments, *_ = zip(*words.PROGRAMS, strict=True)
    who = entities.user(user, np.zeros(n, bool))
    parent = c.take(pl.Series(parents), program)
    name = c.take(pl.Series(names), program)
    hashes = c.hexes(np.random.default_rng(org.seed), len(words.PROGRAMS), 32)
    command = (name + " " + c.take(pl.Series(arguments), program)).str.strip_chars()
    columns = {
        **header(1007, SOURCES, get["time"], facts, entities, rng),
        "device": entities.device(machine, full),
        "process.name": name,
        "process.pid": c.numbers(rng, n, 300, 60_000),
        "process.uid": c.some(c.uuids(rng, n), ~np.isin(source, (AUDIT,))),
        "process.cmd_line": command,
        "process.created_time": c.some(
            c.timed(get["time"] - np.where(ended, get["seconds"] * 1000, 0)), ~ended | inventory
        ),
        "process.terminated_time": c.some(c.timed(get["time"]), ended & inventory),
        "process.working_directory": c.some(c.take(pl.Series(folders), program), source != AUDIT),
        **c.with_caption("process", "integrity_id", np.where(program % 4 == 0, 4, 3), where=windows, at="process."),
        "process.ptid": c.some(pl.Series(rng.integers(1, 9_000, n)), full),
        "process.file": _file(program, rng, hashes, full),
        "process.user": c.some(who, rng.random(n) < 0.4),
        "process.session.uid": logon,
        "process.session.terminal": c.constant("pts/0", n),
        "process.parent_process.name": parent,
        "process.parent_process.pid": c.numbers(rng, n, 300, 60_000),
        "process.parent_process.cmd_line": c.some(parent + " --run", rng.random(n) < 0.7),
        "process.parent_process.created_time": c.some(c.timed(get["time"] - 9_000_000), inventory),
        "actor.user": who,
        "actor.process.name": parent,
        "actor.process.pid": c.numbers(rng, n, 300, 60_000),
        "actor.process.path": "/usr/bin/" + parent,
        "actor.session.uid": logon,
        "exit_code": c.some(pl.Series((rng.random(n) < 0.05).astype(np.int32)), ended),
        **c.with_caption(1007, "launch_type_id", np.ones(n), where=~ended & inventory),
        "actual_permissions": c.some(pl.Series(rng.choice([644, 755], n)).cast(pl.Int32), source == AUDIT),
    }
    where = {
        "process.session": source == AUDIT,
        "actor.process": source != SYSMON,
        "actor.session": inventory & (rng.random(n) < 0.85),
    }
    return c.nested(columns, where)
