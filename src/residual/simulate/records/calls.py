"""API activity events (6003) out of decisions."""

import numpy as np
import polars as pl

from residual.simulate import words
from residual.simulate.activity.calls import BROWSER, FINE
from residual.simulate.organization import Organization
from residual.simulate.records.agents import browser
from residual.simulate.records.columns import constant, hexes, pack, some, take, timed, uuids
from residual.simulate.records.directory import Directory
from residual.simulate.records.header import Facts, Source, flags, header, plus

SOURCES = (
    Source("CloudTrail", "AWS", "1.10", "management", relay=True),
    Source("CloudTrail", "AWS", "1.08", "data", relay=True, timing=True),
    Source("API Gateway", "Brickline", "4.2", "api", inventory=True, control=True, timing=True),
)
ERRORS = ("", "AccessDenied", "ThrottlingException", "ResourceNotFoundException")
_HTTP = np.array([200, 403, 429, 404])
AGENTS = (
    "",
    "aws-cli/2.15 Python/3.11",
    "Boto3/1.34 Python/3.11",
    "HashiCorp Terraform/1.7 (+https://www.terraform.io)",
)


def records(core: pl.DataFrame, org: Organization, entities: Directory, rng: np.random.Generator) -> pl.DataFrame:
    """One event per row of `core`."""
    get = {name: core[name].to_numpy() for name in core.columns}
    n, user, result, operation, place = core.height, get["user"], get["result"], get["operation"], get["place"]
    services, names, activity = (list(column) for column in list(zip(*words.OPERATIONS, strict=True))[:3])
    source = rng.choice(3, n, p=[0.5, 0.25, 0.25])
    inventory, relay = flags(SOURCES, source, "inventory"), flags(SOURCES, source, "relay")
    full = inventory & (rng.random(n) < 0.5)
    region = (user + get["resource"] // 100) % len(words.API_REGIONS)
    facts = Facts(
        activity=np.array(activity)[operation],
        failed=result != FINE,
        code=pl.Series(_HTTP[result]).cast(pl.String),
        detail=some(take(pl.Series(ERRORS), result), result != FINE),
        source=source,
        region=region,
        ms=get["ms"],
    )
    users, machines = len(entities.users) // 2, len(entities.machines) // 2
    both = pl.concat([entities.machines, entities.places])
    machine = org.people.machine[user]
    row = np.where(place < 0, machine + machines * ~full, 2 * machines + place + len(entities.places) // 2 * ~full)
    service = take(pl.Series(services), operation)
    resource = pl.Series(get["resource"]).cast(pl.String)
    agent = get["agent"]
    both_agents = pl.DataFrame({"b": browser(org, machine, rng), "a": take(pl.Series(AGENTS), agent)})
    agents = both_agents.select(pl.when(pl.Series(agent == BROWSER)).then("b").otherwise("a").alias("a"))["a"]
    begun = get["time"] - rng.integers(0, 3 * 3_600_000, n)
    session = rng.random(n) < 0.7
    item = pack(
        {
            "uid": "arn:aws:" + service + ":::r-" + resource,
            "type": service,
            "name": some("r-" + resource, rng.random(n) < 0.5),
        }
    )
    columns = {
        **header(6003, SOURCES, get["time"], facts, entities, rng),
        "api": pack(
            {
                "operation": take(pl.Series(names), operation),
                "version": some(constant("2025-01-01", n), relay),
                "service": pack({"name": service + ".cloud.example", "uid": some(service, inventory)}),
                "request": pack({"uid": uuids(rng, n)}),
                "response": pack(
                    {
                        "code": pl.Series(_HTTP[result]).cast(pl.Int32),
                        "error": some(take(pl.Series(ERRORS), result), result != FINE),
                        "message": some(constant("request refused", n), (result != FINE) & relay),
                    },
                    (result != FINE) | inventory,
                ),
            }
        ),
        "actor": pack(
            {
                "user": plus(
                    take(entities.users, user + users * ~full),
                    uid_alt=some("AIDA" + hexes(rng, len(entities.users), 6).gather(user), relay),
                ),
                "session": pack(
                    {
                        "uid": hexes(rng, n, 8),
                        "created_time": timed(begun),
                        "is_mfa": some(pl.Series((user + region) % 3 > 0), agent == BROWSER),
                        "issuer": some("arn:aws:iam::role/" + service, relay),
                        "credential_uid": some("ASIA" + hexes(rng, n, 6), relay & (agent != BROWSER)),
                    },
                    session,
                ),
                "idp": pack({"name": constant("Harborgate", n)}, agent == BROWSER),
                "app_name": some(take(pl.Series(["console", "cli", "sdk", "terraform"]), agent), inventory),
            }
        ),
        "src_endpoint": plus(
            take(both, row), port=some(pl.Series(rng.integers(1025, 65_536, n)).cast(pl.Int32), inventory)
        ),
        "dst_endpoint": pack(
            {
                "hostname": service + "." + take(pl.Series(words.API_REGIONS), region) + ".cloud.example",
                "port": constant(443, n),
                "svc_name": service,
            },
            inventory,
        ),
        "http_request": pack(
            {
                "user_agent": agents,
                "http_method": some(
                    take(pl.Series(["POST", "GET"]), (facts.activity == 2).astype(np.int64)), inventory
                ),
                "version": some(constant("HTTP/2", n), inventory),
                "length": some(pl.Series(rng.lognormal(6.5, 0.8, n).astype(np.int32)), inventory),
                "args": some("Action=" + take(pl.Series(names), operation), inventory & (rng.random(n) < 0.5)),
                "url": pack({"path": constant("/", n), "hostname": service + ".cloud.example"}, inventory),
            }
        ),
        "http_response": pack(
            {
                "code": pl.Series(_HTTP[result]).cast(pl.Int32),
                "latency": pl.Series(get["ms"]).cast(pl.Int32),
                "length": pl.Series(rng.lognormal(7, 1, n).astype(np.int32)),
                "content_type": constant("application/json", n),
            },
            inventory,
        ),
        "resources": pl.DataFrame({"r": item}).select(pl.concat_list("r"))["r"],
    }
    return pl.DataFrame(columns)
