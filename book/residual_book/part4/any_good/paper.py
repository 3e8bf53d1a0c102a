"""What Gorishniy et al. (2021) measured, for comparison: mean over 15 seeds, each model tuned on each table.

Networks are from their Table 2, CatBoost is the tuned single model of their supplement.
"""

RMSE = ("california",)  # the other tables: accuracy
TABLES = ("california", "adult", "helena", "jannis", "higgs", "covtype")
RESULTS = {
    "CatBoost": (0.431, 0.873, 0.385, 0.723, 0.725, 0.966),
    "MLP": (0.499, 0.852, 0.383, 0.719, 0.723, 0.962),
    "ResNet": (0.486, 0.854, 0.396, 0.728, 0.727, 0.964),
    "FT-Transformer": (0.459, 0.859, 0.391, 0.732, 0.729, 0.970),
}


def errors(model: str) -> dict[str, float]:
    """Root mean squared error, or share of wrong answers, of a model on each table."""
    pairs = zip(TABLES, RESULTS[model], strict=True)
    return {table: result if table in RMSE else 1 - result for table, result in pairs}
