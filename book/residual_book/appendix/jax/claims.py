"""What `book/appendix/jax.md` says, and the rule of each sentence."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from residual import nnx as jax_nets
from residual.nnx import parallel
from residual_book import claims
from residual_book.appendix.jax import experiment
from residual_book.appendix.jax.experiment import SEEDS, TRAINING_SEEDS, Blocks, Logits, Training
from residual_book.claims import corrected, extended, glue_all, no_verdict, number
from residual_book.speeds import Speed
from residual_book.stats import mean_over


def on_logits(logits: Sequence[Logits], blocks: Sequence[Blocks], seeds: Sequence[int] = SEEDS) -> None:
    """Of JAX beside PyTorch from the same weights: nets of every depth, and one net block by block."""
    worst, scale = max(run.jax for run in logits), min(run.scale for run in logits)
    over_rounding = mean_over(blocks, lambda run: run.jax[-1] / run.rounding[-1])
    glue_all(logits_worst=number(worst), over_rounding=over_rounding)
    says = no_verdict("flax2020", "guide to NNX", "gives the layers that the JAX copy is made of")
    claims.check(
        "twin-logits", holds=worst < 1e-4 and scale > 0.5, value=worst, unit="at most", seeds=seeds, verdict=says,
        statement="From the same weights, no logit of the JAX copy differs from PyTorch's by 1e-4 or more, at any of the five depths.",
    )  # fmt: skip
    claims.check(
        "twin-rounding", holds=over_rounding.high < 3, value=over_rounding, unit="times PyTorch's own rounding", seeds=seeds, verdict=says,
        statement="In ResNet-50, the JAX copy's logits are less than three times as far from PyTorch's as those are from double precision.",
    )  # fmt: skip


def on_flax(errors: Mapping[str, str], with_plain: Any) -> None:
    """Of the mistakes that the page makes on purpose; `with_plain` holds a part that is no module beside its `fc`."""
    parameters = _parameters(nnx.eval_shape(lambda: jax_nets.resnet18(rngs=nnx.Rngs(0))))
    claims.check(
        "twin-list", holds=errors["a list of blocks"].startswith("ValueError") and parameters == 11_689_512, value=parameters, unit="parameters",
        statement="Flax refuses a bare list of blocks; in an nnx.List, all parameters of ResNet-18 are tracked.",
        verdict=corrected("notes", "section 4", "keeps each stage as a bare list"),
    )  # fmt: skip
    claims.check(
        "twin-update", holds=errors["update(gradients)"].startswith("TypeError"), value=1, unit="argument is not enough",
        statement="The optimizer's update refuses gradients without the model beside them.",
        verdict=corrected("notes", "section 5", "updates from the gradients alone"),
    )  # fmt: skip
    plain_tracked = _parameters(with_plain) - _parameters(with_plain.fc)
    claims.check(
        "twin-module", holds=errors["a part that is no module"].endswith("tracked: fc") and plain_tracked == 0, value=plain_tracked, unit="parameters tracked",
        statement="A part that is a plain class raises no error, and none of its parameters is tracked.",
        verdict=no_verdict("flax2020", "guide to NNX", "tracks what is an nnx.Module or an nnx.Variable"),
    )  # fmt: skip


def _parameters(module: nnx.Module) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(module, nnx.Param)))


def on_training(runs: Sequence[Training], images: jax.Array, seeds: Sequence[int] = TRAINING_SEEDS) -> None:
    """Of the first step of training, on one device and on four; `images` is a batch spread over the four."""
    step_weights = max(run.weights for run in runs)
    devices_loss = max(abs(run.jax[0] - run.sharded[0]) for run in runs)
    parts = mean_over(runs, lambda run: abs(run.by_parts - run.jax[0]))
    glue_all(step_weights=number(step_weights), parts_apart=parts)
    claims.check(
        "twin-first-step", holds=step_weights < 1e-4, value=step_weights, unit="at most", seeds=seeds,
        statement="One step of training leaves every parameter of the JAX copy within 1e-4 of PyTorch's.",
        verdict=no_verdict("flax2020", "guide to NNX", "gives the optimizer that the JAX copy is trained by"),
    )  # fmt: skip
    devices = {part.device for part in images.addressable_shards}
    claims.check(
        "twin-devices", holds=devices_loss < 1e-5 and len(devices) == 4, value=devices_loss, unit="at most", seeds=seeds,
        statement="Split over four devices, a batch gives the loss that it gives on one, to 1e-5.",
        verdict=corrected("notes", "section 5", "makes a mesh and a sharding, and places no data with them"),
    )  # fmt: skip
    claims.check(
        "twin-global-statistics", holds=parts.low > 1e-3, value=parts, unit="of the loss", seeds=seeds,
        statement="Normalized quarter by quarter, the same batch has another loss: batch norm on four devices uses the whole batch.",
        verdict=extended("ioffe2015", "section 3, algorithm 1", "normalizes by mean and variance of the mini-batch, on one device"),
    )  # fmt: skip


def on_fresh_seeds(seeds: Sequence[int]) -> None:
    """Measure on other seeds, and check the claims that depend on them again."""
    parallel.use_host_devices(experiment.DEVICES)  # before JAX computes anything
    (images,) = parallel.shard(parallel.data_mesh(experiment.DEVICES), jnp.ones((64, 8, 8, 1)))
    on_logits(experiment.compare_all_logits(seeds), [experiment.compare_blocks(seed) for seed in seeds], seeds)
    on_training([experiment.compare_training(seed) for seed in seeds], images, seeds)


def speed_numbers(speeds: Sequence[Speed]) -> None:
    """The recorded times of JAX over PyTorch's, for ResNet-50 and the larger batch. The page claims nothing of them."""
    images = max(speed.images for speed in speeds)
    arms = {(speed.job, speed.arm): speed for speed in speeds if (speed.net, speed.images) == ("resnet50", images)}
    predict, train = (arms[job, "JAX"].time_over(arms[job, "torch"]) for job in ("prediction", "training step"))
    glue_all(speed_images=images, speed_predict=predict.estimate, speed_train=train.estimate)
