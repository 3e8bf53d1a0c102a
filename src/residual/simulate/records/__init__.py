"""OCSF events out of decisions. All that an attack did not decide is drawn here, for all events by one generator."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from residual.simulate.organization import Organization
from residual.simulate.records import applications, calls, lookups, processes, sign_ins, traffic
from residual.simulate.records.directory import Directory


@dataclass(frozen=True)
class Writer:
    """Which decisions make events of a class, and how."""

    group: str
    rows: pl.Expr
    records: Callable[[pl.DataFrame, Organization, Directory, np.random.Generator], pl.DataFrame]


WRITERS = {
    "authentication": Writer("sign_ins", pl.lit(True), sign_ins.records),
    "network_activity": Writer("traffic", pl.lit(True), traffic.records),
    "dns_activity": Writer("lookups", pl.lit(True), lookups.records),
    "api_activity": Writer("calls", pl.lit(True), calls.records),
    "process_activity": Writer("processes", pl.lit(True), processes.records),
    "application_lifecycle": Writer("applications", pl.col("is_error") == 0, applications.lifecycle),
    "application_error": Writer("applications", pl.col("is_error") == 1, applications.errors),
}
