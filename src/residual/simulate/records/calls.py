"""API activity events (6003) out of decisions."""

import numpy as np
import polars as pl

from residual.simulate import words
from residual.simulate.activity.calls import BROWSER, FINE
from residual.simulate.organization import SERVICE, Organization
from residual.simulate.records import columns as c
from residual.simulate.records.directory import Directory
from residual.simulate.records.header import Facts, Source, flags, header, plus
from residual.simulate.records.sensors import browser
from residual.simulate.sessions import WEB, open_session, session_uid
from residual.simulate.sessions import address as addresses

SOURCES = (
    Source("CloudTrail", "AWS", "1.10", "management", relay=True),
    Source("CloudTrail", "AWS", "1.08", "data", relay=True, timing=True),
    Source("API Gateway", "Brickline", "4.2", "api", inventory=True, control=True, timing=True),
)
ERRORS = ("", "AccessDenied", "ThrottlingException", "ResourceNotFoundException")
_HTTP = np.array([200, 403, 429, 404])


def records(core: pl.DataFrame, org: Organization, entities: Directory, rng: np.random.Generator) -> pl.DataFrame:
    """One event per row of `core`."""
    get = {name: core[name].to_numpy() for name in core.columns}
    n, user, result, operation, place = core.height, get["user"], get["result"], get["operation"], get["place"]
    services, names, activity = (list(column) for column in list(zip(*words.OPERATIONS, strict=True))[:3])
    # Applications come through the gateway, which notes how long a call takes; the management log does not.
    account = org.people.role[user] == SERVICE
    source = np.where(rng.random(n) < np.where(account, 0.6, 0.1), 2, (rng.random(n) < 1 / 3).astype(np.int64))
    inventory, relay = flags(SOURCES, source, "inventory"), flags(SOURCES, source, "relay")
    full = inventory & (rng.random(n) < 0.5)
    region = (user + get["resource"] // 100) % len(words.API_REGIONS)
    facts = Facts(
        activity=np.array(activity)[operation],
        failed=result != FINE,
        code=pl.Series(_HTTP[result]).cast(pl.String),
        detail=c.some(c.take(pl.Series(ERRORS), result), result != FINE),
        source=source,
        region=region,
        ms=get["ms"],
    )
    machine = org.people.machine[user]
    address = c.take(entities.addresses, np.where(place < 0, addresses(org, machine, get["time"], inside=True), -1))
    caller = entities.endpoint(np.where(place < 0, machine, -1), place, full)
    own = open_session(org, user, get["time"])
    session = np.where(get["session"] < 0, own, get["session"])
    service = c.take(pl.Series(services), operation)
    resource = pl.Series(get["resource"]).cast(pl.String)
    agent = get["agent"]
    both_agents = pl.DataFrame({"b": browser(org, machine, rng), "a": c.take(words.AGENTS, agent - 1)})
    agents = both_agents.select(pl.when(pl.Series(agent == BROWSER)).then("b").otherwise("a").alias("a"))["a"]
    begun = get["time"] - rng.integers(0, 3 * 3_600_000, n)
    item = c.pack(
        {
            "uid": "arn:aws:" + service + ":::r-" + resource,
            "type": service,
            "name": c.some("r-" + resource, rng.random(n) < 0.5),
        }
    )
    columns = {
        **header(6003, SOURCES, get["time"], facts, entities, rng),
        "api.operation": c.take(pl.Series(names), operation),
        "api.version": c.only("2025-01-01", relay),
        "api.service.name": service + ".cloud.example",
        "api.service.uid": c.some(service, inventory),
        "api.request.uid": c.uuids(rng, n),
        "api.response.code": pl.Series(_HTTP[result]).cast(pl.Int32),
        "api.response.error": c.some(c.take(pl.Series(ERRORS), result), result != FINE),
        "api.response.message": c.only("request refused", (result != FINE) & relay),
        "actor.user": plus(
            entities.user(user, full), uid_alt=c.some("AIDA" + c.hexes(rng, len(org.people), 6).gather(user), relay)
        ),
        "actor.session.uid": session_uid(org, session, WEB),
        "actor.session.created_time": c.timed(begun),
        "actor.session.is_mfa": c.some(pl.Series((user + region) % 3 > 0), agent == BROWSER),
        "actor.session.issuer": c.some("arn:aws:iam::role/" + service, relay),
        "actor.session.credential_uid": c.some("ASIA" + c.hexes(rng, n, 6), relay & (agent != BROWSER)),
        "actor.idp.name": c.constant("Harborgate", n),
        "actor.app_name": c.some(c.take(["console", "cli", "sdk", "terraform"], agent), inventory),
        "src_endpoint": plus(
            caller,
            ip=c.either(address, caller.struct.field("ip")),
            port=c.some(c.numbers(rng, n, 1025, 65_536), inventory),
        ),
        "dst_endpoint.hostname": service + "." + c.take(pl.Series(words.API_REGIONS), region) + ".cloud.example",
        "dst_endpoint.port": c.constant(443, n),
        "dst_endpoint.svc_name": service,
        "http_request.user_agent": agents,
        "http_request.http_method": c.some(c.take(["POST", "GET"], (facts.activity == 2).astype(np.int64)), inventory),
        "http_request.version": c.only("HTTP/2", inventory),
        "http_request.length": c.some(pl.Series(rng.lognormal(6.5, 0.8, n).astype(np.int32)), inventory),
        "http_request.args": c.some("Action=" + c.take(pl.Series(names), operation), inventory & (rng.random(n) < 0.5)),
        "http_request.url.path": c.constant("/", n),
        "http_request.url.hostname": service + ".cloud.example",
        "http_response.code": pl.Series(_HTTP[result]).cast(pl.Int32),
        "http_response.latency": pl.Series(get["ms"]).cast(pl.Int32),
        "http_response.length": pl.Series(rng.lognormal(7, 1, n).astype(np.int32)),
        "http_response.content_type": c.constant("application/json", n),
        "resources": pl.DataFrame({"r": item}).select(pl.concat_list("r"))["r"],
    }
    where = {
        "api.response": (result != FINE) | inventory,
        "actor.session": rng.random(n) < np.where(relay, 0.9, 0.4),
        "actor.idp": agent == BROWSER,
        "dst_endpoint": inventory,
        "http_request.url": inventory,
        "http_response": inventory,
    }
    return c.nested(columns, where)
