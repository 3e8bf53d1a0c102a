"""From a stream of events without labels to a few alerts per day, each explained. Told in part V.

from residual.detect import score
score(Path("events/"), Path("model/"), Path("alerts/"), budget=10)
"""

from residual.detect.alert import Alert, Entity, FirstTime, Signal, Verdict
from residual.detect.alerts import read_alerts, write_alerts
from residual.detect.metrics import Evaluation, evaluate
from residual.detect.report import report
from residual.detect.score import Memory, advance, score

__all__ = [
    "Alert", "Entity", "Evaluation", "FirstTime", "Memory", "Signal", "Verdict", "advance", "evaluate", "read_alerts",
    "report", "score", "write_alerts",
]  # fmt: skip
