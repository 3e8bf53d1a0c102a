"""Scopes and subnets against the standard library's reading of the same addresses."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from residual.tabular.addresses import SCOPES, scopes_and_subnets

PRIVATE = [ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]


def scope_of(text: str) -> str:
    scope = int(scopes_and_subnets(pl.Series([text]))[0][0])
    return "none" if scope < 0 else f"v{4 + 2 * (scope // len(SCOPES))} {SCOPES[scope % len(SCOPES)]}"


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("8.8.8.8", "v4 public"), ("10.255.0.1", "v4 private"), ("172.31.255.255", "v4 private"),
        ("172.32.0.0", "v4 public"), ("192.168.0.1", "v4 private"), ("100.64.0.1", "v4 shared"),
        ("127.0.0.1", "v4 loopback"), ("0.0.0.0", "v4 unspecified"), ("169.254.169.254", "v4 link-local"),
        ("224.0.0.251", "v4 multicast"), ("::ffff:10.0.0.1", "v4 private"), ("2a00:1450::1", "v6 public"),
        ("fd00::1", "v6 private"), ("::1", "v6 loopback"), ("fe80::1", "v6 link-local"),
        ("ff02::1", "v6 multicast"), ("::", "v6 unspecified"), ("", "none"),
        ("10.0.0", "none"), ("256.1.1.1", "none"), ("10.0.0.01", "none"),
        ("10.0.0.1 ", "none"), ("host", "none"),
    ],
)  # fmt: skip
def test_scopes(text: str, scope: str) -> None:
    assert scope_of(text) == scope


@given(st.ip_addresses(v=4))
def test_ipv4_as_the_standard_library_reads_it(address: IPv4Address) -> None:
    scope = scope_of(str(address)).removeprefix("v4 ")
    assert (scope == "multicast") == address.is_multicast
    assert (scope == "loopback") == address.is_loopback
    assert (scope == "link-local") == address.is_link_local
    assert (scope == "private") == any(address in network for network in PRIVATE)


@given(st.lists(st.ip_addresses(), min_size=1, max_size=20))
def test_equal_subnets_are_equal_numbers_and_only_they(addresses: list[IPv4Address | IPv6Address]) -> None:
    addresses += [ip_address(int(address) ^ 1) if address.version == 4 else address for address in addresses]
    numbers = scopes_and_subnets(pl.Series([str(address) for address in addresses]))[1]
    networks = [ip_network((address, 24 if address.version == 4 else 48), strict=False) for address in addresses]
    mapped = [isinstance(a, IPv6Address) and a.ipv4_mapped is not None for a in addresses]
    for i in range(len(addresses)):
        for j in range(i):
            if not (mapped[i] or mapped[j]):
                assert (numbers[i] == numbers[j]) == (networks[i] == networks[j])


def test_no_addresses() -> None:
    scope, subnet = scopes_and_subnets(pl.Series([], dtype=pl.String))
    assert len(scope) == len(subnet) == 0
    assert np.array_equal(scopes_and_subnets(pl.Series(["x"]))[1], [-1])
