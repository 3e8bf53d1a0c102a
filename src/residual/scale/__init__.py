"""The training loop on several processes: the same command, the same result, under `torchrun`."""

from residual.scale.batchnorm import GlobalBatchNorm2d, synchronize
from residual.scale.parallel import SplitBatch, fit_together
from residual.scale.processes import Processes, processes

__all__ = ["GlobalBatchNorm2d", "Processes", "SplitBatch", "fit_together", "processes", "synchronize"]
