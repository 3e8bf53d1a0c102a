"""Prediction and one step of SGD, compiled. Told in `book/appendix/jax.md`."""

from functools import cache

import jax
import jax.numpy as jnp
import optax  # type: ignore[import-untyped]  # typed, but without saying so
from flax import nnx

from residual.nnx.resnet import Images, ResNet


def sgd(model: ResNet, *, lr: float, momentum: float = 0.0, weight_decay: float = 0.0) -> nnx.Optimizer[ResNet]:
    """SGD of the parameters of `model` as torch computes it: the weight decay goes through the momentum.

    Running statistics are no parameters, so the optimizer does not see them.
    """
    return nnx.Optimizer(model, _rule(lr, momentum, weight_decay), wrt=nnx.Param)


@cache  # `train_step` is compiled again for a rule that it has not seen, and optax makes a new one at each call
def _rule(lr: float, momentum: float, weight_decay: float) -> optax.GradientTransformation:
    return optax.chain(optax.add_decayed_weights(weight_decay), optax.sgd(lr, momentum=momentum))


@nnx.jit
def predict(model: ResNet, images: Images) -> jax.Array:
    """Logits (N, num_classes) of images (N, H, W, C): `model(images)`, compiled at the first call for each size."""
    return model(images)


@nnx.jit
def train_step(model: ResNet, optimizer: nnx.Optimizer[ResNet], images: Images, labels: Images) -> jax.Array:
    """Take one step on images (N, H, W, C) and labels (N,); return the loss before it. `model` and `optimizer` change.

    With images and labels spread over devices by `residual.nnx.parallel.shard`, the means in loss and batch norm are
    still over the whole batch.

    Raises:
        ValueError: for labels of another shape or no integers, and as `ResNet` for images. A label out of
            range cannot raise in compiled code: too high makes the loss NaN, a negative one counts from the last class.
    """
    if labels.shape != images.shape[:1] or not jnp.issubdtype(labels.dtype, jnp.integer):
        raise ValueError(
            f"labels must be integers of shape {images.shape[:1]}, got {labels.dtype} of shape {labels.shape}"
        )

    def loss_of(model: ResNet) -> jax.Array:
        return optax.softmax_cross_entropy_with_integer_labels(model(images), labels).mean()

    loss, gradients = nnx.value_and_grad(loss_of)(model)
    optimizer.update(model, gradients)
    return loss
