"""Authentication events (3002) out of decisions."""

import numpy as np
import polars as pl

from residual.simulate.activity.sign_ins import OUTCOMES, SUCCESS
from residual.simulate.organization import BASTION, CONSOLE, DOMAIN, FILES, GATEWAY, SINGLE_SIGN_ON, Organization
from residual.simulate.records.agents import browser
from residual.simulate.records.columns import constant, hexes, pack, some, take, timed, with_caption
from residual.simulate.records.directory import Directory
from residual.simulate.records.header import Facts, Source, flags, header, plus

SOURCES = (
    Source("Portal", "Harborgate", "2025.2", "signin", inventory=True, timing=True),
    Source("Cloud Console", "AWS", "1.08", "console", relay=True),
    Source("Gateway", "Tunnelworks", "9.1", "vpn", control=True, timing=True),
    Source("sshd", "OpenSSH", "9.6", "auth", relay=True),
    Source("Directory", "Microsoft", "10.0", "Security", inventory=True, relay=True),
)
_OF_SERVICE = np.array([0, 1, 2, 3, 4, 4])
_PROTOCOL = np.array([5, 6, 7, 99, 2, 1])  # by kind of service: SAML, OpenID, EAP, other, Kerberos, NTLM
_LOGON = np.array([99, 99, 10, 10, 3, 3])
_CODES = (
    ("0", "50126", "50074", "50173", "50058", "50053"),
    ("Success", "Failure.Password", "Failure.Mfa", "Failure.Token", "Failure.Step", "Failure.Locked"),
    ("0", "691", "692", "693", "694", "695"),
    ("accepted", "failed", "partial", "timeout", "preauth", "denied"),
    ("0x0", "0xC000006A", "0xC000035B", "0xC0000071", "0x19", "0xC0000234"),
)


def records(core: pl.DataFrame, org: Organization, entities: Directory, rng: np.random.Generator) -> pl.DataFrame:
    """One event per row of `core`."""
    get = {name: core[name].to_numpy() for name in core.columns}
    n, user, outcome = core.height, get["user"], get["outcome"]
    kind = org.services[get["service"]]
    source, web = _OF_SERVICE[kind], np.isin(kind, (SINGLE_SIGN_ON, CONSOLE))
    machine, place = get["machine"], get["place"]
    known, inside = machine >= 0, place < 0
    inventory, relay = flags(SOURCES, source, "inventory"), flags(SOURCES, source, "relay")
    full = inventory & (rng.random(n) < 0.3)
    codes = pl.Series([code for row in _CODES for code in row])
    says_why = rng.random(n) < np.where(source == 0, 0.9, 0.6)
    facts = Facts(
        activity=np.where((kind == DOMAIN) & (outcome != SUCCESS) & (outcome >= 4), 6, 1),
        failed=outcome != SUCCESS,
        code=take(codes, source * len(OUTCOMES) + outcome),
        detail=some(take(pl.Series(OUTCOMES), outcome), says_why),
        source=source,
        region=get["service"] % 2,
        ms=(rng.lognormal(5, 0.8, n)).astype(np.int64),
    )
    machines, places = len(entities.machines) // 2, len(entities.places) // 2
    both = pl.concat([entities.machines, entities.places])
    row = np.where(inside, machine + machines * ~full, 2 * machines + place + places * (relay & (rng.random(n) < 0.6)))
    port = pl.Series(rng.integers(1025, 65_536, n)).cast(pl.Int32)
    user_rows, device_rows = len(entities.users) // 2, len(entities.devices) // 2
    host = np.flatnonzero(org.targets.machine >= 0)
    by_machine = np.full(len(org.machines.kind), 0)
    by_machine[org.targets.machine[host]] = host
    protocol = with_caption(3002, "auth_protocol_id", _PROTOCOL[kind])
    logon = with_caption(3002, "logon_type_id", _LOGON[kind])
    session = rng.random(n) < 0.8
    begun = get["time"] - rng.integers(0, 3_600_000, n)
    with_host = np.isin(kind, (GATEWAY, BASTION, DOMAIN, FILES))
    columns = {
        **header(3002, SOURCES, get["time"], facts, entities, rng),
        "user": take(entities.users, user + user_rows * ~full),
        "src_endpoint": plus(take(both, row), port=some(port, rng.random(n) < 0.9)),
        "dst_endpoint": plus(
            take(entities.targets, by_machine[org.service_host[get["service"]]] + len(entities.targets) // 2),
            with_host,
            port=pl.Series(np.array([443, 443, 443, 22, 88, 445])[kind]).cast(pl.Int32),
        ),
        "device": take(entities.devices, machine + device_rows * ~full, known),
        "service": pack(
            {
                "name": take(pl.Series(["portal", "console", "gateway", "sshd", "kerberos", "files"]), kind),
                "uid": "service-" + pl.Series(get["service"]).cast(pl.String),
                "version": some(constant("v2", n), web),
            }
        ),
        **protocol,
        **{k: some(v, np.isin(kind, (GATEWAY, BASTION, DOMAIN, FILES))) for k, v in logon.items()},
        "is_mfa": some(pl.Series(get["mfa"] == 1), web | (kind == GATEWAY)),
        "is_remote": some(pl.Series(~inside), ~web),
        "is_cleartext": some(constant(False, n), relay),
        "is_new_logon": some(pl.Series(rng.random(n) < 0.3), inventory),
        "session": pack(
            {
                "uid": hexes(rng, n, 8),
                "created_time": some(timed(begun), inventory),
                "expiration_time": some(timed(begun + 8 * 3_600_000), web),
                "is_mfa": some(pl.Series(get["mfa"] == 1), web),
                "is_vpn": some(pl.Series(kind == GATEWAY), ~relay),
                "issuer": some(constant(f"https://id.{entities.domain}", n), web),
                "terminal": some(take(pl.Series(["pts/0", "pts/1", "pts/2"]), rng.integers(0, 3, n)), kind == BASTION),
            },
            session,
        ),
        "http_request": pack(
            {
                "user_agent": browser(org, machine, rng),
                "http_method": constant("POST", n),
                "version": some(constant("HTTP/2", n), kind == SINGLE_SIGN_ON),
                "uid": some(hexes(rng, n, 6), kind == CONSOLE),
                "url": pack(
                    {
                        "path": take(pl.Series(["/authorize", "/token", "/login"]), rng.integers(0, 3, n)),
                        "hostname": constant(f"id.{entities.domain}", n),
                        "scheme": constant("https", n),
                        "port": some(constant(443, n), kind == SINGLE_SIGN_ON),
                    }
                ),
            },
            web,
        ),
        "http_response": pack({"code": pl.Series(np.where(facts.failed, 401, 200)).cast(pl.Int32)}, kind == CONSOLE),
        "authentication_token": pack(
            {
                **with_caption("authentication_token", "type_id", np.where(rng.random(n) < 0.6, 1, 2)),
                "is_renewable": pl.Series(rng.random(n) < 0.9),
                "kerberos_flags": take(pl.Series(["0x40810010", "0x40e10000"]), rng.integers(0, 2, n)),
                "expiration_time": timed(get["time"] + 10 * 3_600_000),
            },
            kind == DOMAIN,
        ),
        "logon_process": pack(
            {
                "name": take(pl.Series(["sshd", "lsass.exe"]), (source == 4).astype(np.int64)),
                "pid": pl.Series(rng.integers(400, 32_000, n)).cast(pl.Int32),
            },
            np.isin(source, (3, 4)),
        ),
        "actor": pack(
            {
                "app_name": take(pl.Series(["portal-ui", "mobile", "desktop"]), rng.integers(0, 3, n)),
                "idp": pack(
                    {
                        "name": constant("Harborgate", n),
                        "domain": constant(entities.domain, n),
                        "protocol_name": some(constant("SAML", n), kind == SINGLE_SIGN_ON),
                        "issuer": constant(f"https://id.{entities.domain}", n),
                    },
                ),
            },
            web,
        ),
    }
    return pl.DataFrame(columns)
