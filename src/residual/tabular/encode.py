"""`TableEncoder`: a table of events with hundreds of columns of every kind as two arrays that a network reads.

Told in `book/part3/encoding.md`. Which columns there are and what kind of thing each holds is told by a dictionary
(`residual.ocsf.schema.features`), never guessed from the values. Labels never enter.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from residual.ocsf.schema import Feature
from residual.storage import read_state, write_state
from residual.tabular.categories import FIRST, Categories
from residual.tabular.cells import State, part_of
from residual.tabular.columns import Chunk, Column
from residual.tabular.numbers import Scaling

Table = pl.DataFrame | pl.LazyFrame
VERSION = 1  # of a saved state
ROWS = 1 << 14  # encoded at a time
LARGEST = 2**31 - 1 - FIRST  # number of a column's values: codes are int32
UNEXPECTED = "unexpected"  # the name of the first numeric output


@dataclass(frozen=True, eq=False)
class Encoded:
    """Events as numbers.

    Attributes:
        numeric: float32 [n, f].
        categorical: int32 [n, c], code 0 for null and 1 for a value that the vocabulary lacks.
        cardinalities: int64 [c], how many codes each column of `categorical` has: its codes are below this.
        ignored: columns of the table that the dictionary does not know.
    """

    numeric: NDArray[np.float32]
    categorical: NDArray[np.int32]
    cardinalities: NDArray[np.int64]
    ignored: tuple[str, ...]


class TableEncoder(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):  # type: ignore[misc, call-arg]  # untyped bases
    """Encode a table of dotted columns, each by its kind.

    A column of the dictionary that the table lacks counts as all null. One that the fit never saw filled has no
    outputs; how many of these an event fills is the numeric output "unexpected". Null becomes 0, in both arrays.

    number, list: `PATH:present`, and `PATH` scaled (of a list its length). flag: `PATH`, one of -1, 0, 1. time:
    `PATH:hour_sin`, `:hour_cos`, `:week_sin`, `:week_cos`, and but for the event's own time, `:after` (seconds from it,
    scaled). All others: a code `PATH`, by vocabulary or by hash, and with a hash `PATH:frequency`; besides, ip has the
    codes `:scope` and `:subnet`, and hostname, command, path and url have `:length`, `:entropy` and `:gram0`, ...

    All statistics are sums, so `partial_fit` on chunks of a table gives the very state of `fit` on the whole, however
    it is cut; and what `transform` makes of a row depends on no other row. What depends on an event's past is added to
    the table beforehand, by `ContextFeatures`.

    A table is a DataFrame, or a LazyFrame, which must give its rows in the same order each time. What was fitted, and
    what `save` writes, is by the settings and the dictionary of that time, whatever becomes of them until the next fit.

    Args:
        features: the dictionary, by path.
        scaling: "robust" or "quantile"; see `residual.tabular.numbers.Scaled`.
        vocabulary: columns with more different values than this are hashed.
        buckets: codes of a hashed column.
        grams: buckets for the trigrams of a hostname, command, path or url.
    """

    def __init__(
        self,
        features: Mapping[str, Feature],
        *,
        scaling: Scaling = "robust",
        vocabulary: int = 1000,
        buckets: int = 4096,
        grams: int = 16,
    ) -> None:
        self.features = features
        self.scaling = scaling
        self.vocabulary = vocabulary
        self.buckets = buckets
        self.grams = grams

    def fit(self, X: Table, y: None = None) -> Self:  # noqa: N803  # scikit-learn's name
        """Forget what was learned, then learn from a table.

        Raises:
            ValueError: for labels, for no events, for a column of another type than its kind has, for bad settings.
        """
        fresh = TableEncoder(**self.get_params(deep=False)).partial_fit(X, y)
        if not fresh.rows_:
            raise ValueError("X has no events, expected at least one to fit on")
        self.__dict__.update(vars(fresh))
        return self

    def partial_fit(self, X: Table, y: None = None) -> Self:  # noqa: N803  # scikit-learn's name
        """Learn from more events.

        Raises:
            ValueError: as `fit`, before anything is learned from the table; but an empty table is no error here.
        """
        if y is not None:
            raise ValueError(f"y must be None, got {type(y).__name__}: labels never enter the encoder")
        if not hasattr(self, "columns_"):
            self._start()
        ignored = self._check(X)
        for frame in _frames(X, self.columns_):
            chunk = Chunk(frame)
            for column in self.columns_.values():
                if cells := column.cells(chunk):
                    column.update(cells)
            self.rows_ += chunk.rows
        self.ignored_: tuple[str, ...] = tuple(sorted({*self.ignored_, *ignored}))
        self._lay_out()
        return self

    def transform(self, X: Table) -> Encoded:  # noqa: N803  # scikit-learn's name
        """Encode events.

        Raises:
            ValueError: for a column of another type than its kind has.
            NotFittedError: before any event was learned from.
        """
        check_is_fitted(self)
        ignored = self._check(X)
        numeric = np.zeros((_height(X), len(self.numeric_names_)), np.float32)
        categorical = np.zeros((len(numeric), len(self.categorical_names_)), np.int32)
        start = 0
        for frame in _frames(X, self.columns_):
            chunk, rows = Chunk(frame), slice(start, start + len(frame))
            first_numeric, first_code = 1, 0  # after "unexpected"
            for column in self.columns_.values():
                if cells := column.cells(chunk):
                    column.encode(cells, numeric[rows, first_numeric:], categorical[rows, first_code:])
                    if not column.filled:
                        numeric[start + cells.rows, 0] += 1
                first_numeric += len(column.numeric_names())
                first_code += len(column.cardinalities())
            start += len(frame)
        return Encoded(numeric, categorical, self.cardinalities_, ignored)

    def batches(self, X: Table) -> Iterator[Encoded]:  # noqa: N803  # scikit-learn's name
        """`transform` of about `ROWS` events at a time, in order: for a table whose encoding does not fit in memory.

        Raises:
            ValueError: as `transform`.
            NotFittedError: as `transform`.
        """
        check_is_fitted(self)
        ignored = self._check(X)
        for frame in _frames(X, self.columns_):
            yield replace(self.transform(frame), ignored=ignored)

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """Names of the numeric outputs, then of the categorical ones. `input_features`, scikit-learn's, is not used."""
        check_is_fitted(self)
        return np.array([*self.numeric_names_, *self.categorical_names_], dtype=object)

    def collisions(self) -> dict[str, float]:
        """Of each hashed code, the expected share of the values met that share their code with another."""
        check_is_fitted(self)
        parts = [(path, part) for path, column in self.columns_.items() for part in column.parts]
        codes = [(path, part) for path, part in parts if isinstance(part, Categories) and part.hashed]
        return {path + part.name: part.collisions() for path, part in codes}

    def save(self, path: str | Path) -> None:
        """Write settings, dictionary and all that was learned to one file, whole or not at all."""
        check_is_fitted(self)
        state: State = {
            "settings": self.settings_,
            "kinds": {name: column.feature.kind for name, column in self.columns_.items()},
            "rows": self.rows_,
            "ignored": self.ignored_,
        }
        for name, column in self.columns_.items():
            state |= {f"{name}/{key}": value for key, value in column.state().items()}
        write_state(Path(path), type(self).__name__, VERSION, state)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The encoder that `save` wrote.

        Raises:
            ValueError: for a file that is missing or damaged, of something else, or of another version.
        """
        state = read_state(Path(path), cls.__name__, VERSION)
        features = {name: Feature(name, kind) for name, kind in state["kinds"].items()}
        encoder = cls(features, **state["settings"])
        encoder._start()
        encoder.rows_, encoder.ignored_ = state["rows"], tuple(state["ignored"])
        for name, column in encoder.columns_.items():
            column.restore(part_of(state, f"{name}/"))
        encoder._lay_out()
        return encoder

    def __sklearn_is_fitted__(self) -> bool:
        return bool(getattr(self, "rows_", 0))

    def _start(self) -> None:
        if self.scaling not in ("robust", "quantile"):
            raise ValueError(f"scaling must be 'robust' or 'quantile', got {self.scaling!r}")
        for name in ("vocabulary", "buckets", "grams"):
            if not (isinstance(value := getattr(self, name), int) and 1 <= value <= LARGEST):
                raise ValueError(f"{name} must be a whole number from 1 to {LARGEST}, got {value!r}")
        for path, feature in self.features.items():
            if feature.path != path:
                raise ValueError(f"features[{path!r}] has path {feature.path!r}, expected the same")
        self.settings_ = self.get_params(deep=False)
        features = self.settings_.pop("features")
        self.columns_ = {path: Column(features[path], **self.settings_) for path in sorted(features)}
        self.rows_ = 0
        self.ignored_ = ()
        self.n_features_in_ = len(self.columns_)
        self.feature_names_in_ = np.array(list(self.columns_), dtype=object)
        self._lay_out()

    def _lay_out(self) -> None:
        columns = self.columns_.values()
        self.numeric_names_ = [UNEXPECTED, *(name for column in columns for name in column.numeric_names())]
        codes = [code for column in columns for code in column.cardinalities().items()]
        self.categorical_names_ = [name for name, _ in codes]
        self.cardinalities_ = np.array([count for _, count in codes], np.int64)

    def _check(self, table: Table) -> tuple[str, ...]:
        if not isinstance(table, pl.DataFrame | pl.LazyFrame):
            raise ValueError(f"X must be a polars DataFrame or LazyFrame of dotted columns, got {type(table).__name__}")
        schema = table.collect_schema()
        if schema.keys().isdisjoint(self.columns_):
            raise ValueError("X has none of the columns of the dictionary, expected at least one (dotted, not nested)")
        for path, column in self.columns_.items():
            if path in schema:
                column.check(schema[path])
        return tuple(sorted(schema.keys() - self.columns_.keys()))


def _frames(table: Table, columns: Mapping[str, Column]) -> Iterator[pl.DataFrame]:
    """The rows of a table, some at a time, in order, with the columns that the dictionary knows.

    A slice of one scan of Parquet skips what is before it. A slice of anything else, such as many scans together, does
    all of that again; there batches are read ahead, small ones, because polars holds a number of them.
    """
    lazy = table.lazy().select([name for name in table.collect_schema().names() if name in columns])
    plan = lazy.explain() if isinstance(table, pl.LazyFrame) else "in memory"
    if plan == "in memory" or plan.count(" SCAN ") == plan.count("Parquet SCAN ") == 1:
        yield from (lazy.slice(start, ROWS).collect() for start in range(0, _height(table), ROWS))
    else:
        batches = iter(lazy.collect_batches(chunk_size=max(ROWS // 8, 1)))
        while some := list(islice(batches, 8)):
            yield pl.concat(some)


def _height(table: Table) -> int:
    return int(table.lazy().select(pl.len()).collect().item())
