"""Process activity events (1007) out of decisions."""

import numpy as np
import polars as pl

from residual.simulate import words
from residual.simulate.activity.processes import TERMINATE
from residual.simulate.organization import Ints, Organization
from residual.simulate.records.columns import constant, hexes, pack, some, take, timed, uuids, with_caption
from residual.simulate.records.directory import Directory
from residual.simulate.records.header import Facts, Source, header

SOURCES = (
    Source("Endpoint Sensor", "Falconet", "7.14", "process", inventory=True),
    Source("Sysmon", "Microsoft", "15.1", "Operational", relay=True),
    Source("auditd", "Linux", "3.1", "audit", relay=True, timing=True),
)
ENDPOINT, SYSMON, AUDIT = range(3)


def _file(program: Ints, rng: np.random.Generator, hashes: pl.Series, full: np.ndarray) -> pl.Series:
    names, _, folders, _, _ = zip(*words.PROGRAMS, strict=True)
    name, folder, n = take(pl.Series(names), program), take(pl.Series(folders), program), len(program)
    windows = folder.str.starts_with("C:").to_numpy()
    joined = folder + take(pl.Series(["/", "\\"]), windows.astype(np.int64)) + name
    digest = pack({**with_caption("fingerprint", "algorithm_id", np.full(n, 3)), "value": take(hashes, program)})
    return pack(
        {
            "name": name,
            "path": joined,
            **with_caption("file", "type_id", np.ones(n)),
            "ext": some(constant("exe", n), windows),
            "size": some(pl.Series(20_000 + program * 77_777), full),
            "company_name": some(take(pl.Series(["Microsoft", "Apple", "Open Source"]), program % 3), full & windows),
            "version": some(pl.Series(program % 9 + 1).cast(pl.String) + ".2", full),
            "created_time": some(timed(1_700_000_000_000 + program * 10**9), full),
            "hashes": some(pl.DataFrame({"h": digest}).select(pl.concat_list("h"))["h"], full | (rng.random(n) < 0.5)),
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
        code=some(constant("0", n), source == AUDIT),
        detail=some(constant("completed", n), ended & (source == SYSMON)),
        source=source,
        region=machine % len(words.API_REGIONS),
        ms=get["seconds"] * 1000,
    )
    names, parents, folders, arguments, _ = zip(*words.PROGRAMS, strict=True)
    devices, users = len(entities.devices) // 2, len(entities.users) // 2
    who = take(entities.users, user + users)
    parent = take(pl.Series(parents), program)
    name = take(pl.Series(names), program)
    hashes = hexes(np.random.default_rng(org.seed), len(words.PROGRAMS), 32)
    command = (name + " " + take(pl.Series(arguments), program)).str.strip_chars()
    integrity = with_caption("process", "integrity_id", np.where(program % 4 == 0, 4, 3))

    def pid() -> pl.Series:
        return pl.Series(rng.integers(300, 60_000, n)).cast(pl.Int32)

    columns = {
        **header(1007, SOURCES, get["time"], facts, entities, rng),
        "device": take(entities.devices, machine + devices * ~full),
        "process": pack(
            {
                "name": name,
                "pid": pid(),
                "uid": some(uuids(rng, n), ~np.isin(source, (AUDIT,))),
                "cmd_line": command,
                "created_time": some(
                    timed(get["time"] - np.where(ended, get["seconds"] * 1000, 0)), ~ended | inventory
                ),
                "terminated_time": some(timed(get["time"]), ended & inventory),
                "working_directory": some(take(pl.Series(folders), program), source != AUDIT),
                **{k: some(v, windows) for k, v in integrity.items()},
                "ptid": some(pl.Series(rng.integers(1, 9_000, n)), full),
                "file": _file(program, rng, hashes, full),
                "user": some(who, rng.random(n) < 0.4),
                "session": pack({"uid": hexes(rng, n, 4), "terminal": constant("pts/0", n)}, source == AUDIT),
                "parent_process": pack(
                    {
                        "name": parent,
                        "pid": pid(),
                        "cmd_line": some(parent + " --run", rng.random(n) < 0.7),
                        "created_time": some(timed(get["time"] - 9_000_000), inventory),
                    }
                ),
            }
        ),
        "actor": pack(
            {
                "user": who,
                "process": pack({"name": parent, "pid": pid(), "path": "/usr/bin/" + parent}, source != SYSMON),
                "session": pack({"uid": hexes(rng, n, 4)}, inventory),
            }
        ),
        "exit_code": some(pl.Series((rng.random(n) < 0.05).astype(np.int32)), ended),
        **{k: some(v, ~ended & inventory) for k, v in with_caption(1007, "launch_type_id", np.ones(n)).items()},
        "actual_permissions": some(pl.Series(rng.choice([644, 755], n)).cast(pl.Int32), source == AUDIT),
    }
    return pl.DataFrame(columns)
