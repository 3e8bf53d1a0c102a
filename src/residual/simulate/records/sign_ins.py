"""Authentication events (3002) out of decisions."""

import numpy as np
import polars as pl

from residual.simulate.activity.sign_ins import OUTCOMES, SUCCESS
from residual.simulate.organization import BASTION, CONSOLE, DOMAIN, FILES, GATEWAY, PHONE, SINGLE_SIGN_ON, Organization
from residual.simulate.records import columns as c
from residual.simulate.records.directory import Directory
from residual.simulate.records.header import Facts, Source, flags, header, plus
from residual.simulate.records.sensors import browser
from residual.simulate.sessions import HOST_LOGON, NETWORK, WEB, address, open_session, session_uid

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
# By source: how often it says where a sign-in came from, on which device, and in which session.
_KNOWS_PLACE = np.array([0.98, 0.0, 0.9, 0.0, 0.0])
_KNOWS_DEVICE = np.array([0.8, 0.0, 0.9, 0.0, 0.95])
_NAMES_SESSION = np.array([0.95, 0.8, 0.95, 0.5, 0.8])
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
    inside = place < 0
    managed = org.machines.managed[machine] | (source == 4)
    known = (machine >= 0) & managed & (rng.random(n) < _KNOWS_DEVICE[source])
    inventory, relay = flags(SOURCES, source, "inventory"), flags(SOURCES, source, "relay")
    full = inventory & (rng.random(n) < 0.3)
    codes = pl.Series([code for row in _CODES for code in row])
    says_why = rng.random(n) < np.where(source == 0, 0.9, 0.6)
    facts = Facts(
        activity=np.where((kind == DOMAIN) & (outcome != SUCCESS) & (outcome >= 4), 6, 1),
        failed=outcome != SUCCESS,
        code=c.take(codes, source * len(OUTCOMES) + outcome),
        detail=c.some(c.take(pl.Series(OUTCOMES), outcome), says_why),
        source=source,
        region=get["service"] % 2,
        ms=(rng.lognormal(5, 0.8, n)).astype(np.int64),
    )
    located = rng.random(n) < _KNOWS_PLACE[source]
    origin = entities.endpoint(np.where(inside, machine, -1), place, np.where(inside, full, located))
    address_inside = c.take(entities.addresses, np.where(inside, address(org, machine, get["time"], inside=True), -1))
    phone = org.machines.kind[machine] == PHONE
    session = open_session(org, user, get["time"], phone=(machine >= 0) & phone)
    session = np.where(get["session"] < 0, session, get["session"])
    issuer = np.select([web, kind == GATEWAY], [WEB, NETWORK], HOST_LOGON)
    port = c.numbers(rng, n, 1025, 65_536)
    protocol = c.with_caption(3002, "auth_protocol_id", _PROTOCOL[kind])
    logon = c.with_caption(3002, "logon_type_id", _LOGON[kind])
    begun = get["time"] - rng.integers(0, 3_600_000, n)
    with_host = np.isin(kind, (GATEWAY, BASTION, DOMAIN, FILES))
    columns = {
        **header(3002, SOURCES, get["time"], facts, entities, rng),
        "user": entities.user(user, full),
        "src_endpoint": plus(
            origin, ip=c.either(address_inside, origin.struct.field("ip")), port=c.some(port, rng.random(n) < 0.9)
        ),
        "dst_endpoint": plus(
            entities.endpoint(org.service_host[get["service"]], place, np.zeros(n, bool)),
            with_host,
            port=pl.Series(np.array([443, 443, 443, 22, 88, 445])[kind]).cast(pl.Int32),
        ),
        "device": entities.device(machine, full, known),
        "service.name": c.take(["portal", "console", "gateway", "sshd", "kerberos", "files"], kind),
        "service.uid": "service-" + pl.Series(get["service"]).cast(pl.String),
        "service.version": c.only("v2", web),
        **protocol,
        **{k: c.some(v, np.isin(kind, (GATEWAY, BASTION, DOMAIN, FILES))) for k, v in logon.items()},
        "is_mfa": c.some(pl.Series(get["mfa"] == 1), web | (kind == GATEWAY)),
        "is_remote": c.some(pl.Series(~inside), ~web),
        "is_cleartext": c.only(False, relay),
        "is_new_logon": c.some(pl.Series(rng.random(n) < 0.3), inventory),
        "session.uid": session_uid(org, session, issuer),
        "session.created_time": c.some(c.timed(begun), inventory),
        "session.expiration_time": c.some(c.timed(begun + 8 * 3_600_000), web),
        "session.is_mfa": c.some(pl.Series(get["mfa"] == 1), web),
        "session.is_vpn": c.some(pl.Series(kind == GATEWAY), ~relay),
        "session.issuer": c.only(f"https://id.{entities.domain}", web),
        "session.terminal": c.some(c.take(["pts/0", "pts/1", "pts/2"], rng.integers(0, 3, n)), kind == BASTION),
        "http_request.user_agent": browser(org, machine, rng),
        "http_request.http_method": c.constant("POST", n),
        "http_request.version": c.only("HTTP/2", kind == SINGLE_SIGN_ON),
        "http_request.uid": c.some(c.hexes(rng, n, 6), kind == CONSOLE),
        "http_request.url.path": c.take(["/authorize", "/token", "/login"], rng.integers(0, 3, n)),
        "http_request.url.hostname": c.constant(f"id.{entities.domain}", n),
        "http_request.url.scheme": c.constant("https", n),
        "http_request.url.port": c.only(443, kind == SINGLE_SIGN_ON),
        "http_response.code": pl.Series(np.where(facts.failed, 401, 200)).cast(pl.Int32),
        **c.with_caption(
            "authentication_token", "type_id", np.where(rng.random(n) < 0.6, 1, 2), at="authentication_token."
        ),
        "authentication_token.is_renewable": pl.Series(rng.random(n) < 0.9),
        "authentication_token.kerberos_flags": c.take(["0x40810010", "0x40e10000"], rng.integers(0, 2, n)),
        "authentication_token.expiration_time": c.timed(get["time"] + 10 * 3_600_000),
        "logon_process.name": c.take(["sshd", "lsass.exe"], (source == 4).astype(np.int64)),
        "logon_process.pid": c.numbers(rng, n, 400, 32_000),
        "actor.app_name": c.take(["portal-ui", "mobile", "desktop"], rng.integers(0, 3, n)),
        "actor.idp.name": c.constant("Harborgate", n),
        "actor.idp.domain": c.constant(entities.domain, n),
        "actor.idp.protocol_name": c.only("SAML", kind == SINGLE_SIGN_ON),
        "actor.idp.issuer": c.constant(f"https://id.{entities.domain}", n),
    }
    where = {
        "session": rng.random(n) < _NAMES_SESSION[source],
        "http_request": web,
        "http_response": kind == CONSOLE,
        "authentication_token": kind == DOMAIN,
        "logon_process": np.isin(source, (3, 4)),
        "actor": web,
    }
    return c.nested(columns, where)
