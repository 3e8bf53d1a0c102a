"""What sensors and servers know of the machine, the browser, the program and the person behind an event."""

import numpy as np
import polars as pl

from residual.simulate import words
from residual.simulate.organization import PHONE, Ints, Organization
from residual.simulate.records import columns as c
from residual.simulate.records.directory import Directory
from residual.simulate.sessions import HOST_LOGON, open_session, session_uid


def browser(org: Organization, machine: Ints, rng: np.random.Generator) -> pl.Series:
    """The browser of each machine's system; any of them where the machine is not known (-1)."""
    system = np.where(machine >= 0, org.machines.system[machine], rng.integers(0, len(words.BROWSERS), len(machine)))
    return c.take(words.BROWSERS, system)


def hostname(entities: Directory, machine: Ints, named: c.Mask, rng: np.random.Generator) -> pl.Series:
    """The machine's name, where a source knows it: always if `named`, else sometimes."""
    names = entities.devices.struct.field("hostname")
    return c.take(names, machine, (machine >= 0) & (named | (rng.random(len(machine)) < 0.35)))


def actor(
    org: Organization,
    entities: Directory,
    machine: Ints,
    time: Ints,
    program: pl.Series,
    where: c.Mask,
    rng: np.random.Generator,
) -> pl.Series:
    """The program, and the owner of the machine in the session that is open; null outside `where`."""
    n, owner = len(machine), np.where(machine >= 0, org.machines.owner[machine], -1)
    session = open_session(org, np.maximum(owner, 0), time, phone=org.machines.kind[machine] == PHONE)
    process = {
        "name": program,
        "pid": pl.Series(rng.integers(400, 32_000, n)).cast(pl.Int32),
        "uid": c.hexes(rng, n, 8),
        "cmd_line": c.some(program + " --service", rng.random(n) < 0.5),
        "file": c.pack({"name": program, "path": "/opt/" + program, **c.with_caption("file", "type_id", np.ones(n))}),
    }
    return c.pack(
        {
            "process": c.pack(process),
            "user": entities.user(owner, np.zeros(n, bool)),
            "session": c.pack({"uid": session_uid(org, session, HOST_LOGON)}, (owner >= 0) & (rng.random(n) < 0.6)),
        },
        where,
    )
