"""scikit-learn's transformers for the work of `TableEncoder`.

scikit-learn has no transformer for a time of day, an address or an entropy: there the peer calls numpy or the standard
library on whole columns, as one would write it in a `FunctionTransformer`.
"""

import ipaddress
import math
from collections import Counter
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder, RobustScaler

from residual.ocsf.schema import Feature
from residual.tabular import TableEncoder
from residual.tabular.categories import Categories, Scope, Shape, Subnet
from residual.tabular.cells import Part
from residual.tabular.numbers import Age, Cycle, Flag, Length, Scaled


class Frequency(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # untyped bases
    """How frequent a value was where it was fitted; scikit-learn has no such transformer."""

    def fit(self, column: NDArray[np.object_], y: None = None) -> Self:
        values, counts = np.unique(_texts(column), return_counts=True)
        self.counts_ = dict(zip(values.tolist(), np.log1p(counts) / np.log1p(len(column)), strict=True))
        return self

    def transform(self, column: NDArray[np.object_]) -> NDArray[np.float64]:
        return np.array([self.counts_.get(value, 0.0) for value in _texts(column)])[:, None]


def peer(encoder: TableEncoder) -> ColumnTransformer:
    """What does the work of a fitted `TableEncoder` with the same columns, vocabularies and logarithms."""
    transformers = []
    for path, column in encoder.columns_.items():
        if not column.filled:
            continue
        for i, part in enumerate(column.parts):
            if (made := _like(column.feature, part, encoder)) is not None:
                transformers.append((f"{path} {i}", made, [path]))
    return ColumnTransformer(transformers, sparse_threshold=0)


def _like(feature: Feature, part: Part, encoder: TableEncoder) -> Any:
    match part:
        case Length():
            return make_pipeline(_of(_list_lengths), _scaled(part))
        case Age():
            return _scaled(part)  # its subtraction is left out
        case Scaled():
            return _scaled(part)
        case Flag():
            return SimpleImputer(strategy="constant", fill_value=0)
        case Cycle():
            return _of(_cycle)
        case Subnet():
            return make_pipeline(_of(_subnets), _coded(part, encoder))
        case Categories():
            return _coded(part, encoder)
        case Scope():
            return make_pipeline(_of(_scopes), _ordinal())
        case Shape():
            grams = HashingVectorizer(
                analyzer="char", ngram_range=(3, 3), n_features=encoder.grams, norm="l1", alternate_sign=False
            )
            return FeatureUnion([("trigrams", make_pipeline(_of(_flat), grams)), ("rest", _of(_length_and_entropy))])
    return None  # `Present` is the imputer's indicator


def _of(function: Callable[[Any], Any]) -> FunctionTransformer:
    return FunctionTransformer(function)


def _scaled(part: Scaled) -> Any:
    log = [_of(np.log1p)] if part.learned()[0] else []
    return make_pipeline(_of(_floats), *log, SimpleImputer(add_indicator=True), RobustScaler())


def _ordinal() -> OrdinalEncoder:
    return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)


def _coded(part: Categories, encoder: TableEncoder) -> Any:
    if not part.hashed:
        return make_pipeline(_of(_objects), _ordinal())
    hasher = FeatureHasher(encoder.buckets, input_type="string", alternate_sign=False)
    code = make_pipeline(_of(_lists_of_text), hasher, _of(_where))
    return FeatureUnion([("code", code), ("frequency", Frequency())])


def _objects(column: pl.DataFrame | NDArray[Any]) -> NDArray[np.object_]:
    values = column.to_series().to_list() if isinstance(column, pl.DataFrame) else np.ravel(column).tolist()
    return np.array(values, dtype=object)[:, None]


def _floats(column: pl.DataFrame | NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(column, dtype=np.float64)


def _texts(column: pl.DataFrame | NDArray[Any]) -> list[str]:
    return ["" if value is None else str(value) for value in _objects(column)[:, 0]]


def _flat(column: pl.DataFrame) -> list[str]:
    return _texts(column)


def _lists_of_text(column: Any) -> list[list[str]]:
    return [[text] for text in _texts(column)]


def _where(hashed: sparse.csr_matrix) -> NDArray[np.int64]:
    return hashed.indices.astype(np.int64)[:, None]


def _list_lengths(column: pl.DataFrame) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else len(value) for value in column.to_series().to_list()])[:, None]


def _cycle(column: pl.DataFrame) -> NDArray[np.float64]:
    time = _floats(column)
    angles = np.concatenate([time % 86_400_000 / 86_400_000, time % 604_800_000 / 604_800_000], axis=1) * 2 * np.pi
    return np.nan_to_num(np.concatenate([np.sin(angles), np.cos(angles)], axis=1))


def _subnets(column: pl.DataFrame) -> NDArray[np.object_]:
    return np.array([text.rpartition(".")[0] for text in _texts(column)], dtype=object)[:, None]


def _scopes(column: pl.DataFrame) -> NDArray[np.object_]:
    return np.array([_scope(text) for text in _texts(column)], dtype=object)[:, None]


def _scope(text: str) -> str:
    if not text:
        return ""
    address = ipaddress.ip_address(text)
    scope = "private" if address.is_private else "multicast" if address.is_multicast else "public"
    return f"{scope} {address.version}"


def _length_and_entropy(column: pl.DataFrame) -> NDArray[np.float64]:
    return np.array([(math.log2(1 + len(text)), _entropy(text)) for text in _texts(column)])


def _entropy(text: str) -> float:
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())
