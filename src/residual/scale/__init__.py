"""The training loop on several processes: the same result as on one, under `torchrun`.

Offers `fit_together`, its parts, and `train_cifar_net`, the work of the command `residual train`.
"""

from residual.scale.batchnorm import GlobalBatchNorm2d, synchronize
from residual.scale.job import train_cifar_net
from residual.scale.parallel import fit_together
from residual.scale.processes import Processes, processes

__all__ = ["GlobalBatchNorm2d", "Processes", "fit_together", "processes", "synchronize", "train_cifar_net"]
