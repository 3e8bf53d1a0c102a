"""What `book/part2/next.md` says, and the rule of each sentence."""

from collections.abc import Mapping, Sequence
from functools import partial

import torch

from residual_book import claims
from residual_book.claims import confirmed, corrected, glue_all
from residual_book.nets import THOUSAND, Steps
from residual_book.part2.next import limits, resolution
from residual_book.part2.next.limits import NETS, SHARE, Field
from residual_book.part2.next.resolution import MIXED, TRAINED, SizeRun, select
from residual_book.stats import Interval, mean_difference, mean_over


def on_fields(fields: Sequence[Field]) -> None:
    """Of how far units see."""
    nets = {net: [field for field in fields if field.net == net] for net in NETS}
    part = {net: mean_over(runs, lambda field: field.effective / field.theoretical) for net, runs in nets.items()}
    for net, runs in nets.items():
        layers = net.removeprefix("ResNet-")
        glue_all(**{f"effective_{layers}": mean_over(runs, lambda field: field.effective), f"part_{layers}": part[net]})
    glue_all(theory_50=str(nets["ResNet-50"][0].theoretical), share=SHARE)
    check = partial(claims.check, seeds=limits.SEEDS)
    wider = max(part.values(), key=lambda interval: interval.high)
    check(
        "next-field-effective", holds=wider.high < 0.5, value=wider, unit="of the theoretical width, in the wider of the two",
        statement="In ResNet-18 and ResNet-50 at initialization, a square of less than half the theoretical width holds 95 % of the squared gradient.",
        verdict=confirmed("luo2016", "abstract", "the effective field takes up a fraction of the theoretical one"),
    )  # fmt: skip
    misfits = [mean_over(runs, _misfit) for runs in nets.values()]
    worse = max(misfits, key=lambda interval: interval.high)
    check(
        "next-field-gaussian", holds=worse.high < 0.06, value=worse, unit="largest difference, in the worse of the two",
        statement="The share of the squared gradient within a growing square is that of a Gaussian, to 0.06.",
        verdict=confirmed("luo2016", "section 2", "the effective field has the shape of a Gaussian"),
    )  # fmt: skip


def _misfit(field: Field) -> float:
    return max(abs(share - gaussian) for share, gaussian in zip(field.within, field.gaussian, strict=True))


def on_resolution(runs: Sequence[SizeRun]) -> None:
    """Of nets tested at other sizes than those they were trained on."""
    one_size, mixed = select(runs, (TRAINED,)), select(runs, MIXED)
    glue_all(
        trained=str(TRAINED), same_size=mean_over(one_size, lambda run: run.errors[16]),
        half_size=mean_over(one_size, lambda run: run.errors[8]), double_size=mean_over(one_size, lambda run: run.errors[32]),
        mixed_before=mean_over(mixed, lambda run: _mean(run.errors)), mixed_after=mean_over(mixed, lambda run: _mean(run.with_statistics)),
    )  # fmt: skip
    check = partial(claims.check, seeds=resolution.SEEDS)
    at_half = mean_over(one_size, lambda run: run.errors[8] - run.errors[16])
    at_double = mean_over(one_size, lambda run: run.errors[32] - run.errors[16])
    lost = min(at_half, at_double, key=lambda interval: interval.low)
    check(
        "next-resolution-shifts", holds=lost.low > 20, value=lost, unit="points, where fewer are lost",
        statement="A net trained on digits of 16 pixels runs at 8 and at 32, and loses more than 20 points of accuracy at either.",
        verdict=corrected("notes", "limitations", "the resolution is fixed by training"),
    )  # fmt: skip
    back = mean_over(one_size, lambda run: sum(run.brought_back.values()) / len(run.brought_back))
    check(
        "next-resolution-back", holds=back.high < 3, value=back, unit="%",
        statement="With test images brought back to the size of training, the net errs in less than 3 % on average over the sizes.",
        verdict=corrected("notes", "limitations", "a fixed resolution is a limit that calls for other networks"),
    )  # fmt: skip
    repaired = mean_over(mixed, lambda run: _mean(run.errors) - _mean(run.with_statistics))
    check(
        "next-resolution-statistics", holds=repaired.low > 2, value=repaired, unit="points",
        statement="Trained at mixed sizes, the net errs less at these sizes with batch norm's statistics of the tested size than with those of training.",
        verdict=confirmed("touvron2019", "abstract and method", "the size of the images changes the statistics of activations, and adapting batch norm helps"),
    )  # fmt: skip
    needs_both = mean_difference(one_size, mixed, lambda run: _mean(run.with_statistics))
    check(
        "next-resolution-both", holds=needs_both.low > 2, value=needs_both, unit="points",
        statement="Statistics alone do not repair a net trained at one size: at the mixed sizes it errs more than the net trained on them, both with statistics taken anew.",
        verdict=confirmed("notes", "limitations", "multi-scale training is an answer"),
    )  # fmt: skip


def _mean(errors: Mapping[int, float]) -> float:
    """Over the mixed sizes."""
    return sum(errors[size] for size in MIXED) / len(MIXED)


def on_parameters(family: Mapping[str, Mapping[str, Mapping[str, float]]]) -> None:
    """Of where the parameters of each network sit."""
    third, late = (
        {net: parts[stage]["parameters"] for net, parts in family.items()} for stage in ("stage 3", "stage 4")
    )
    work = family["ResNet-152"]["stage 4"]["multiply_adds"]
    glue_all(late_18=late["ResNet-18"], late_152=late["ResNet-152"], late_work_152=work)
    claims.check(
        "next-parameters-late", value=late["ResNet-152"], unit="% in ResNet-152's last stage",
        holds=late["ResNet-18"] > 70 and late["ResNet-152"] < 26 and all(third[net] > 50 for net in ("ResNet-101", "ResNet-152")),
        statement="The last stage's share of the parameters falls from more than 70 % in ResNet-18 to less than 26 % in ResNet-152; from 101 layers on, the third stage has most.",
        verdict=corrected("notes", "limitations", "many parameters are in the later layers"),
    )  # fmt: skip


def on_depth(deep: Sequence[Steps]) -> None:
    """Of the first steps of a thousand layers."""
    plain, original, from_zero, pre_activation = (
        [run for run in deep if run.arm == arm] for arm in ("plain", "original", "original, branches start at zero", "pre-activation")
    )  # fmt: skip
    check = partial(claims.check, seeds=limits.SEEDS)
    fall = mean_over(pre_activation, lambda run: run.losses[0] - run.losses[-1])
    check(
        "next-thousand-preact", holds=all(run.finite for run in pre_activation) and fall.low > 0, value=fall, unit="fall of the cross-entropy",
        statement="A pre-activation net of 1,004 layers has finite gradients in each of its first six steps, and its loss falls.",
        verdict=corrected("notes", "limitations", "even skip connections struggle beyond 1,000 layers"),
    )  # fmt: skip
    logs = mean_over(original, lambda run: float(torch.tensor(max(run.losses) / run.losses[0]).log()))
    estimate, low, high = torch.tensor([logs.estimate, logs.low, logs.high]).exp().tolist()
    jump = Interval(estimate, low, high, logs.n)
    glue_all(deep=claims.number(THOUSAND), original_jump=jump)
    check(
        "next-thousand-original", holds=jump.low > 1, value=jump, unit="times the first loss at its highest (mean of logarithms)",
        statement="With the original block, at the usual start and learning rate, the loss of 1,004 layers first rises.",
        verdict=confirmed("he2016", "section 4", "with the original block, the loss of very deep nets falls slowly at first"),
    )  # fmt: skip
    highest = mean_over(from_zero, lambda run: max(run.losses) / run.losses[0])
    check(
        "next-thousand-zero", value=highest, unit="times the first loss, at most",
        holds=all(run.finite and run.losses[-1] < run.losses[0] for run in from_zero) and highest.high < 1.05,
        statement="With branches that start at zero, the same net's loss never rises by more than 5 % above its first value, and ends below it from every seed.",
        verdict=confirmed("he2015", "section 4.2", "the original block shows no difficulty of optimization at 1,202 layers"),
    )  # fmt: skip
    overflows = sum(not run.finite for run in plain)
    check(
        "next-thousand-plain", value=overflows, unit="of the seeds",
        holds=overflows == len(limits.SEEDS) and all(len(run.gradients) == 1 for run in plain),
        statement="The first gradient of a plain net of 1,004 layers is not finite in single precision.",
        verdict=confirmed("yang2019", "abstract", "without skips, batch norm makes gradients explode with depth"),
    )  # fmt: skip
