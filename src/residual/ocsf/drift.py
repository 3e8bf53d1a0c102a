"""What changed from file to file: columns, fields and types that earlier files of the same kind did not have.

Told in `book/part3/records.md`.
"""

from dataclasses import dataclass

import polars as pl

from residual.ocsf.casting import Cast, Leaf
from residual.ocsf.columns import leaves


@dataclass(frozen=True)
class Drift:
    """A change that a file brought: its name, the column (inside an array with `[]`), and what was done about it."""

    file: str
    column: str
    change: str


class DriftLog:
    """Compares each file with the earlier ones of its group."""

    def __init__(self) -> None:
        self.found: list[Drift] = []
        self._types: dict[str, dict[str, list[pl.DataType]]] = {}

    def see(self, group: str, file: str, found: list[Leaf], casts: dict[str, Cast]) -> None:
        """Note what is new in the columns of a file; `casts` says what becomes of a type that changed."""
        first = group not in self._types
        types = self._types.setdefault(group, {})
        known = set(types)
        for leaf in found:
            for path, dtype in leaves(leaf.path, leaf.dtype):
                seen = types.setdefault(path, [])
                if dtype in seen or dtype == pl.Null:
                    continue
                if not first and not seen:
                    self.found.append(Drift(file, path, _novelty(path, known)))
                elif seen:
                    self.found.append(Drift(file, path, f"{seen[-1]} became {dtype}: {_fate(casts[leaf.path])}"))
                seen.append(dtype)


def _novelty(path: str, known: set[str]) -> str:
    above = path.rpartition(".")[0]
    return f"new field of {above}" if any(other.startswith(f"{above}.") for other in known) and above else "new column"


def _fate(cast: Cast) -> str:
    return "widened" if cast.lost is None else "cast, and what cannot be cast is quarantined"
