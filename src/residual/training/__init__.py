"""One training loop for every page: seeds, schedule, progress bar, checkpoint and resume."""

from residual.training.checkpoint import History
from residual.training.evaluation import error_rate, predictions
from residual.training.loop import Augment, TrainingImages, fit
from residual.training.recipe import Recipe

__all__ = ["Augment", "History", "Recipe", "TrainingImages", "error_rate", "fit", "predictions"]
