"""What `book/part2/running.md` says, and the rule of each sentence."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from residual_book.claims import check, confirmed, extended, glue_all, no_verdict, number
from residual_book.part2.running.experiment import SEEDS, Distances, fastest, measure_all
from residual_book.speeds import Speed
from residual_book.stats import Interval, mean_interval

RECORDED = "inference-benchmark.json"
RUNTIME = "ours, ONNX Runtime"
AIM = 1.7  # times torchvision's speed


def on_distances(measured: Sequence[Distances], seeds: Sequence[int] = SEEDS) -> None:
    """Of what folding and exporting do to logits, net by net."""
    folded, exported = (_farthest(measured, way) for way in ("folded", "exported"))
    otherwise = max(run.otherwise for run in measured if run.otherwise is not None)
    most_folded, most_exported = max(run.folded for run in measured), max(run.exported for run in measured)
    glue_all(worst_folded=number(most_folded), worst_exported=number(most_exported))
    check(
        "running-folding", holds=folded.high < 1e-4 and most_folded < 1e-4, value=folded, unit="of the largest logit, in the net where it is most", seeds=seeds,
        statement="Folding batch norm into the convolutions changes no net's logits by as much as a ten-thousandth of the largest.",
        verdict=confirmed("ioffe2015", "section 3.1", "after training, batch norm is one linear map, and joins the layer before it"),
    )  # fmt: skip
    check(
        "running-exported", holds=exported.high < 1e-4 and most_exported < 1e-4, value=exported, unit="of the largest logit, in the net where it is most", seeds=seeds,
        statement="At three batches of other sizes than it was traced with, the exported file's logits are within a ten-thousandth of the largest of PyTorch's.",
        verdict=no_verdict("onnx2019", "overview", "an open format for networks, which many programs read"),
    )  # fmt: skip
    check(
        "running-same-class", holds=otherwise == 0, value=otherwise, unit="of the test images in another class, at most", seeds=seeds,
        statement="The exported file puts each of the digits' test images in the class in which PyTorch puts it.",
        verdict=no_verdict("onnxruntime2021", "overview", "runs networks that other programs have trained"),
    )  # fmt: skip


def _farthest(measured: Sequence[Distances], way: str) -> Interval:
    """The mean over seeds, of the net whose interval ends highest."""
    by_net = [mean_interval([getattr(run, way) for run in measured if run.net == net]) for net in {run.net for run in measured}]  # fmt: skip
    return max(by_net, key=lambda interval: interval.high)


def on_speeds(speeds: Sequence[Speed], record: Mapping[str, Any]) -> None:
    """Of the recorded benchmark, `record`, and its arms; for each of these, where it gains least."""
    least = {arm: _least([s for s in speeds if s.arm == arm]) for arm in {s.arm for s in speeds}}
    fused = _least([s for s in speeds if s.arm == "ours, fused" and s.images > 1])
    comparisons = sorted({(s.net, s.images, s.threads) for s in speeds})
    wins = Counter(fastest(speeds, *comparison).arm for comparison in comparisons)
    own = [s.times_as_fast for s in speeds if s.arm == RUNTIME]
    reached = {(s.net, s.images, s.threads) for s in speeds if s.times_as_fast.low > AIM}
    glue_all(
        runtime_least=min(ratio.estimate for ratio in own), runtime_most=max(ratio.estimate for ratio in own), pixels=str(record["pixels"]),
        winners="; ".join(f"{arm}, in {n} of {len(comparisons)}" for arm, n in wins.most_common()),
        comparisons=str(len(comparisons)), aim=AIM, reached=str(sum(ratio.low > AIM for ratio in own)), reached_by_any=str(len(reached)),
    )  # fmt: skip
    check(
        "running-runtime", holds=least[RUNTIME].low > 1.5, value=least[RUNTIME], unit="times as fast, where the interval ends lowest", recorded=RECORDED,
        statement="At 1 and 32 images, on one and two threads, our exported ResNet-18 and ResNet-50 are each more than 1.5 times as fast in ONNX Runtime as torchvision's in PyTorch.",
        verdict=no_verdict("onnxruntime2021", "documentation, graph optimizations", "merges neighboring operators when it loads a file"),
    )  # fmt: skip
    equal = mean_interval([s.times_as_fast.estimate for s in speeds if s.arm == "ours"])
    check(
        "running-equal", holds=equal.low > 0.97 and equal.high < 1.03, value=equal, unit="times as fast, mean over the comparisons", recorded=RECORDED,
        statement="As it is, our network takes as long for its logits as torchvision's, to within 3% on average over the comparisons.",
        verdict=no_verdict("torchvision2016", "torchvision.models.resnet", "has the same networks, and says nothing of their speed"),
    )  # fmt: skip
    check(
        "running-fused", holds=fused.low > 1.2, value=fused, unit="times as fast, where it gains least", recorded=RECORDED,
        statement="With 32 images, the folded copy in PyTorch is more than 1.2 times as fast as torchvision's network.",
        verdict=extended("ioffe2015", "section 3.1", "after training, batch norm is one linear map, and joins the layer before it"),
    )  # fmt: skip


def _least(speeds: Sequence[Speed]) -> Interval:
    return min((speed.times_as_fast for speed in speeds), key=lambda ratio: ratio.low)


def on_fresh_seeds(seeds: Sequence[int]) -> None:
    """Measure on other seeds, and check the claims that depend on them again."""
    on_distances(measure_all(seeds), seeds)
