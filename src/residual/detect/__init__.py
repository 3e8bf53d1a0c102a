"""From a stream of events without labels to a few alerts per day, each explained. Told in part V.

`score.score(Path("events/"), Path("model/"), Path("alerts/"), budget=10)` is all there is to do.
"""

from residual.detect.alert import Alert, Entity, FirstTime, Signal, Verdict
from residual.detect.alerts import read_alerts, write_alerts
from residual.detect.metrics import Evaluation, evaluate
from residual.detect.report import report
from residual.detect.score import Memory, advance

__all__ = [
    "Alert", "Entity", "Evaluation", "FirstTime", "Memory", "Signal", "Verdict", "advance", "evaluate", "read_alerts",
    "report", "write_alerts",
]  # fmt: skip
