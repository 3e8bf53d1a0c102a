"""Tables of events as arrays that a network reads.

`TableEncoder` turns hundreds of columns of every kind into two arrays, an `Encoded`; `ContextFeatures` adds what each
event looks like beside the past of each `Entity`.
"""

from residual.extras import need

need("residual.tabular", "records", "polars", "sklearn")

from residual.tabular.context import ContextFeatures, Entity
from residual.tabular.encode import Encoded, TableEncoder

__all__ = ["ContextFeatures", "Encoded", "Entity", "TableEncoder"]
