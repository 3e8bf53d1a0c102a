"""One training loop, and what goes with it.

Offers `train` (seeds, schedule, progress bar, checkpoint and resume, early stopping) and `fit`, which trains a network
on labeled images with it; the `Recipe` and the `History` of a run; and the predictions and the error rate of what was
trained.
"""

from residual.training.checkpoint import History
from residual.training.evaluation import error_rate, predictions
from residual.training.loop import Augment, Judged, TrainingImages, adamw, fit, train
from residual.training.recipe import Recipe

__all__ = [
    "Augment",
    "History",
    "Judged",
    "Recipe",
    "TrainingImages",
    "adamw",
    "error_rate",
    "fit",
    "predictions",
    "train",
]
