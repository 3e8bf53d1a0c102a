"""What `book/part2/next.md` says, and the rule of each sentence."""

from collections.abc import Mapping, Sequence
from functools import partial

from residual_book import claims
from residual_book.claims import confirmed, extended, glue_all, scoped
from residual_book.part2.next import limits, resolution
from residual_book.part2.next.limits import NETS, SHARE, Field
from residual_book.part2.next.resolution import MIXED, TRAINED, SizeRun, select
from residual_book.stats import mean_difference, mean_over


def on_fields(fields: Sequence[Field]) -> None:
    """Of how far units see."""
    nets = {net: [field for field in fields if field.net == net] for net in NETS}
    part = {net: mean_over(runs, lambda field: field.effective / field.theoretical) for net, runs in nets.items()}
    for net, runs in nets.items():
        layers = net.removeprefix("ResNet-")
        glue_all(**{f"effective_{layers}": mean_over(runs, lambda field: field.effective), f"part_{layers}": part[net]})
    glue_all(theory_50=str(nets["ResNet-50"][0].theoretical), share=SHARE)
    check = partial(claims.check, seeds=sorted({field.seed for field in fields}))
    wider = max(part.values(), key=lambda interval: interval.high)
    check(
        "next-field-effective", holds=wider.high < 0.5, value=wider, unit="of the theoretical width, in the wider of the two",
        statement="In ResNet-18 and ResNet-50 at initialization, a square of less than half the theoretical width holds 95% of the squared gradient.",
        verdict=confirmed("luo2016", "abstract", "the effective field takes up only a fraction of the theoretical one"),
    )  # fmt: skip
    misfits = [mean_over(runs, _misfit) for runs in nets.values()]
    worse = max(misfits, key=lambda interval: interval.high)
    check(
        "next-field-gaussian", holds=worse.high < 0.06, value=worse, unit="largest difference, in the worse of the two",
        statement="The share of the squared gradient within a growing square is that of a Gaussian to within 0.06.",
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
    back = mean_over(one_size, lambda run: sum(run.brought_back.values()) / len(run.brought_back))
    glue_all(brought_back=back)
    check = partial(claims.check, seeds=sorted({run.seed for run in runs}))
    at_half = mean_over(one_size, lambda run: run.errors[8] - run.errors[16])
    at_double = mean_over(one_size, lambda run: run.errors[32] - run.errors[16])
    lost = min(at_half, at_double, key=lambda interval: interval.low)
    check(
        "next-resolution-shifts", holds=lost.low > 20, value=lost, unit="points, where fewer are lost",
        statement="A net trained on digits of 16 pixels runs at 8 and at 32, and loses more than 20 points of accuracy at either.",
        verdict=extended("touvron2019", "abstract", "accuracy depends on how the size of the test images goes with that of the training images"),
    )  # fmt: skip
    check(
        "next-resolution-back", holds=back.high < 3, value=back, unit="%",
        statement="With test images brought back to the size of training, the net errs on less than 3% of the digits, on average over the sizes.",
        verdict=scoped("notes", "limitations", "a ResNet is tied to the resolution of its training"),
    )  # fmt: skip
    repaired = mean_over(mixed, lambda run: _mean(run.errors) - _mean(run.with_statistics))
    check(
        "next-resolution-statistics", holds=repaired.low > 2, value=repaired, unit="points",
        statement="Trained at mixed sizes, the net errs on more than 2 points fewer digits at these sizes with batch norm's statistics of the tested size than with those of training.",
        verdict=extended("touvron2019", "section 3", "the size of the images changes the statistics of activations"),
    )  # fmt: skip
    needs_both = mean_difference(one_size, mixed, lambda run: _mean(run.with_statistics))
    check(
        "next-resolution-both", holds=needs_both.low > 2, value=needs_both, unit="points",
        statement="Statistics alone do not repair a net trained at one size: at the mixed sizes its error is more than 2 points above that of the net trained on them, both with statistics taken anew.",
        verdict=scoped("notes", "limitations", "multi-scale training is an answer to a fixed resolution"),
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
        statement="The last stage's share of the parameters falls from more than 70% in ResNet-18 to less than 26% in ResNet-152; from 101 layers on, the third stage has more than half of them.",
        verdict=scoped("notes", "limitations", "many parameters are in the later layers"),
    )  # fmt: skip


def on_fresh_seeds(seeds: Sequence[int]) -> None:
    """Measure on other seeds, and check the claims that depend on them again."""
    on_fields(limits.fields(seeds))
    on_resolution(resolution.sweep(seeds))
