"""How to train: the recipe and its learning-rate schedule. Told in `book/part2/training.md`."""

import math
from dataclasses import dataclass

SCHEDULES = ("one-cycle", "step", "cosine", "constant")


@dataclass(frozen=True)
class Recipe:
    """How to train: everything that, with a network and its data, decides the result.

    Attributes:
        epochs: passes over the training images.
        batch_size: images per step; a last, smaller batch is dropped, so that batch norm never gets a few images.
        peak_lr: the schedule's highest learning rate.
        schedule: "one-cycle" (up and down once, for short runs), "step" (a tenth after 1/2 and 3/4 of the steps),
            "cosine" (down to zero along half a cosine) or "constant".
        warmup: share of the steps, 0 to below 1, in which the rate first climbs to the peak along a line. One-cycle
            has a climb of its own and accepts only 0.
        momentum: of SGD.
        weight_decay: of SGD.
        decay_all: decay every parameter; otherwise only the weights of convolutions and linear layers, not biases and
            the parameters of batch norm (He et al. 2019, section 3.1).
        label_smoothing: share of the target, 0 to below 1, that is spread over all classes.
        seed: of the order of the images and of the augmentation.
    """

    epochs: int
    batch_size: int = 128
    peak_lr: float = 0.1
    schedule: str = "one-cycle"
    warmup: float = 0.0
    momentum: float = 0.9
    weight_decay: float = 1e-4
    decay_all: bool = True
    label_smoothing: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("warmup", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 0 and below 1, got {getattr(self, name)}")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule must be one of {', '.join(map(repr, SCHEDULES))}, got {self.schedule!r}")
        if self.schedule == "one-cycle" and self.warmup:
            raise ValueError(f"warmup must be 0 with schedule='one-cycle', which has its own, got {self.warmup}")

    def learning_rate(self, step: int, steps: int) -> float:
        """Learning rate of step `step` (from 0) of `steps`.

        One-cycle is the one of torch's `OneCycleLR` (Smith & Topin 2017): cosine from 1/25 of the peak up to it in the
        first 30 % of the steps, then cosine down to 1/250,000. Step is the one of He et al. (2015), cosine the one of
        Loshchilov & Hutter (2017) without restarts, the warm-up the gradual one of Goyal et al. (2017).

        Raises:
            ValueError: for a step outside the run.
        """
        if not 0 <= step < steps:
            raise ValueError(f"step must be 0 to {steps - 1} in a run of {steps} steps, got {step}")
        if self.schedule == "one-cycle":
            start, end, top = self.peak_lr / 25, self.peak_lr / 250_000, 0.3 * steps - 1
            if step <= top:
                return _cosine(start, self.peak_lr, step / top)
            return _cosine(self.peak_lr, end, (step - top) / (steps - 1 - top))
        climb = round(self.warmup * steps)
        if step < climb:
            return self.peak_lr * (step + 1) / (climb + 1)
        if self.schedule == "step":
            return self.peak_lr * 0.1 ** ((2 * step >= steps) + (4 * step >= 3 * steps))
        if self.schedule == "cosine":
            return _cosine(self.peak_lr, 0.0, (step - climb) / (steps - climb))
        return self.peak_lr


def _cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2
