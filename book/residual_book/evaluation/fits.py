"""Of each type of episode, the detectors that measure what the simulator does; written before they were measured.

Told in `book/part5/why.md`, and in `book/part5/patterns.md`, where a type is found without them.
"""

from collections.abc import Mapping

_TO_A_HOST = (
    "steady new contacts of a machine to a host",
    "connections of a machine to a host",
    "log-kilobytes of a machine to a host",
)
FITS: Mapping[str, tuple[str, ...]] = {
    "brute_force": ("failed sign-ins of a user",),  # guesses at one account
    "spraying": ("users who sign in from an address",),  # some accounts from each of a few sources
    "valid_account": ("user and address of a call", "order of a user's calls", "values of a sign-in"),  # others' work
    "dns_tunnel": ("lookups of a machine below a domain",),  # many names below two parents
    "beacon": _TO_A_HOST,
    "exfiltration": _TO_A_HOST,
    "scan": ("ports that a machine connects to",),
    "persistence": ("order of a user's calls",),
    "mining": _TO_A_HOST,  # traffic to a pool
    "impossible": ("values of a sign-in", "values of a connection", "values of a process"),
    "cascade": ("errors of an application",),
}
