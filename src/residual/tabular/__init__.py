"""Tables of events as arrays that a network reads."""

from residual.tabular.context import ContextFeatures, Entity
from residual.tabular.encode import Encoded, TableEncoder

__all__ = ["ContextFeatures", "Encoded", "Entity", "TableEncoder"]
