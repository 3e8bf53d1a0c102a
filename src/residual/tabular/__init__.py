"""Tables of events as arrays that a network reads.

`TableEncoder` turns hundreds of columns of every kind into two arrays, an `Encoded`; `ContextFeatures` adds what each
event looks like beside the past of each `Entity`. The other modules are not imported here, because torch is slow to
start: `resnet` has the network, `batches` the way from events to its tensors, `pretrain` what it learns without labels,
`fitting` the whole way to a `bundle`, the trained model on disk; `past` and `expectation` say what an entity will do in
its next window; `quality` what a representation is worth.
"""

from residual.extras import need

need("residual.tabular", "records", "polars", "sklearn", "scipy", "rtdl_num_embeddings")

from residual.tabular.context import ContextFeatures, Entity
from residual.tabular.encode import Encoded, TableEncoder

__all__ = ["ContextFeatures", "Encoded", "Entity", "TableEncoder"]
