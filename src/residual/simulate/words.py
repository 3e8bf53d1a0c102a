"""The words an organization is made of, as they stand in `words.toml`: people, cities, networks, software."""

import tomllib
from pathlib import Path
from typing import Any


def data(name: str) -> dict[str, Any]:
    """What stands in a TOML file of this folder."""
    return tomllib.loads(Path(__file__).with_name(name).read_text("utf-8"))


_WORDS = data("words.toml")
GIVEN, FAMILY, COMPANY, TRADE, SAAS_STEMS = (
    tuple(_WORDS[name].split()) for name in ("given", "family", "company", "trade", "saas_stems")
)
CATEGORIES, NETWORKS, API_REGIONS, APPLICATIONS, ERRORS = (
    tuple(_WORDS[name].split()) for name in ("categories", "networks", "api_regions", "applications", "errors")
)
CITIES, SYSTEMS, ROLES, PROGRAMS = (tuple(_WORDS[name]) for name in ("cities", "systems", "roles", "programs"))
PROVIDERS, BROWSERS, AGENTS = (tuple(_WORDS[name]) for name in ("providers", "browsers", "agents"))
WINDOWS, MACOS, UBUNTU, SERVER, CLOUD_LINUX, IOS, ANDROID = range(len(SYSTEMS))
TOOLS = sorted({tool for row in PROGRAMS for tool in row[5].split()})

OPERATIONS = tuple(  # service, operation, activity_id
    (service, entry[:-2], int(entry[-1]))
    for service, *entries in map(str.split, _WORDS["operations"].strip().splitlines())
    for entry in entries
)
_NAMES = [row[1] for row in OPERATIONS]
PERSISTENCE = tuple(map(_NAMES.index, ("ListUsers", "CreateUser", "CreateAccessKey", "AttachUserPolicy")))
BEFORE_RUN = tuple(map(_NAMES.index, ("GetCallerIdentity", "AssumeRole", "DescribeInstances")))
RUN, TAG, TERMINATE = map(_NAMES.index, ("RunInstances", "CreateTags", "TerminateInstances"))
