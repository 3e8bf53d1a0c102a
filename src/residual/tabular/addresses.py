"""IP addresses as numbers: their scope and their subnet. Told in `book/part3/encoding.md`.

Strings are parsed in bulk where they are IPv4, and by `ipaddress` otherwise. An IPv4 address inside IPv6
(`::ffff:10.0.0.1`) is taken for the IPv4 address that it is.
"""

from ipaddress import IPv4Network, IPv6Address, ip_address, ip_network

import numpy as np
import polars as pl
from numpy.typing import NDArray

SCOPES = ("public", "private", "shared", "loopback", "link-local", "multicast", "unspecified")
_RANGES = {  # RFC 1918, 4193, 6598, 1122, 4291, 3927, 5771
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
    "shared": ("100.64.0.0/10",),
    "loopback": ("127.0.0.0/8", "::1/128"),
    "link-local": ("169.254.0.0/16", "fe80::/10"),
    "multicast": ("224.0.0.0/4", "ff00::/8"),
    "unspecified": ("0.0.0.0/8", "::/128"),
}
_NETWORKS = [(SCOPES.index(scope), ip_network(text)) for scope, texts in _RANGES.items() for text in texts]
_OCTET = r"(0|[1-9]\d{0,2})"
_IPV4 = rf"^{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}$"
_V4_BITS, _V6_BITS = 24, 48  # of a subnet: what a site usually has
_V4_MARK, _V6_MARK = 1 << 48, 1 << 49  # keep the subnets of the two versions apart


def scopes_and_subnets(strings: pl.Series) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Describe a String series of addresses without nulls.

    Returns:
        int32 [n] with the place in `SCOPES` and 7 more for IPv6, -1 for what is no address; and int64 [n] with a number
        that names the /24 of an IPv4 or the /48 of an IPv6 address, -1 for what is no address.
    """
    octets = strings.str.extract_groups(_IPV4).struct.unnest().select(pl.all().cast(pl.UInt8, strict=False))
    whole = pl.sum_horizontal(pl.nth(i).cast(pl.Int64) * 256 ** (3 - i) for i in range(4))
    numbers = octets.select(pl.when(~pl.any_horizontal(pl.all().is_null())).then(whole).otherwise(-1)).to_series()
    ipv4 = numbers.to_numpy().copy()
    scope, subnet = np.full(len(ipv4), -1, np.int32), np.full(len(ipv4), -1, np.int64)
    for i in np.flatnonzero(ipv4 < 0):
        try:
            address = ip_address(strings[int(i)])
        except ValueError:
            continue
        if isinstance(address, IPv6Address) and not address.ipv4_mapped:
            scope[i] = len(SCOPES) + next((code for code, network in _NETWORKS if address in network), 0)
            subnet[i] = _V6_MARK | int(address) >> (128 - _V6_BITS)
        else:
            ipv4[i] = int(address) & 0xFFFFFFFF  # an IPv4 address inside IPv6 is its last 32 bits
    is_ipv4 = ipv4 >= 0
    scope[is_ipv4] = 0
    for code, network in _NETWORKS:
        if isinstance(network, IPv4Network):
            scope[is_ipv4 & (ipv4 & int(network.netmask) == int(network.network_address))] = code
    subnet[is_ipv4] = _V4_MARK | ipv4[is_ipv4] >> (32 - _V4_BITS)
    return scope, subnet
