"""Several devices for the tests of data parallelism: asked for here, before any test makes JAX start."""

from residual.nnx.parallel import use_host_devices

use_host_devices(4)
