"""User agents, by the system that shows one."""

import numpy as np
import polars as pl

from residual.simulate.organization import Ints, Organization
from residual.simulate.records import columns as c

BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/133.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.3 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:135.0) Gecko/20100101 Firefox/135.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Edg/133.0",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/133.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/133.0 Mobile Safari/537.36",
)


def browser(org: Organization, machine: Ints, rng: np.random.Generator) -> pl.Series:
    """The browser of each machine's system; any of them where the machine is not known (-1)."""
    system = np.where(machine >= 0, org.machines.system[machine], rng.integers(0, len(BROWSERS), len(machine)))
    return c.take(pl.Series(BROWSERS), system)
