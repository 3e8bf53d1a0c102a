"""One training loop, and what goes with it.

Offers `fit` (with seeds, schedule, device, progress bar, checkpoint and resume), the `Recipe` and the `History` of a
run, and the predictions and the error rate of what was trained.
"""

from residual.training.checkpoint import History
from residual.training.evaluation import error_rate, predictions
from residual.training.loop import Augment, TrainingImages, fit
from residual.training.recipe import Recipe

__all__ = ["Augment", "History", "Recipe", "TrainingImages", "error_rate", "fit", "predictions"]
