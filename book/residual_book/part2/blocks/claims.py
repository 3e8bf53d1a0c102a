"""What `book/part2/blocks.md` says, and the rule of each sentence."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from residual.probes.cost import Cost
from residual_book.claims import check, confirmed, corrected, extended, glue_all, number
from residual_book.part2.blocks import experiment
from residual_book.part2.blocks.experiment import SEEDS, unseen, weights


def on_costs(costs: Mapping[str, Cost]) -> None:
    """Of what `block_costs` counted, in its order."""
    basic, bottleneck, single, narrow, linear, linear_bottleneck = costs.values()
    saved = 100 * (1 - weights(bottleneck) / weights(basic))
    linear_saved = 100 * (1 - weights(linear_bottleneck) / weights(linear))
    as_used = bottleneck.totals["multiply_adds"] / narrow.totals["multiply_adds"]
    glue_all(
        saved=saved, linear_saved=linear_saved, as_used=as_used, basic_sees=basic.receptive_field[0], bottleneck_sees=bottleneck.receptive_field[0],
        one_conv=number(weights(single)), usual=100 * (1 - weights(bottleneck) / weights(single)),
        memory=bottleneck.totals["activations"] / narrow.totals["activations"],
    )  # fmt: skip
    check(
        "blocks-equal-width", holds=94 <= saved < 95 and weights(basic) == 2 * weights(single), value=saved, unit="% fewer",
        statement="At 256 channels a bottleneck has 94% fewer weights than a basic block, whose two convolutions have twice those of one.",
        verdict=corrected("tutorial", "basic vs bottleneck", "88% fewer, with the weights of a single convolution for the basic block"),
    )  # fmt: skip
    check(
        "blocks-linear", holds=71.5 <= linear_saved < 72.5, value=linear_saved, unit="% fewer",
        statement="Of linear layers, a bottleneck at 256 features has 72% fewer weights than two layers of full width.",
        verdict=extended("he2015", "section 4.1, Figure 5", "introduces the bottleneck for convolutions, whose time it keeps"),
    )  # fmt: skip
    check(
        "blocks-as-used", holds=abs(as_used - 1) < 0.1, value=as_used, unit="times those of the basic block",
        statement="As the networks use them, a bottleneck and a basic block differ by less than a tenth in multiply-adds.",
        verdict=confirmed("he2015", "section 4.1, Figure 5", "both designs have similar time complexity"),
    )  # fmt: skip


def on_receptive_fields(
    costs: Mapping[str, Cost], central: Sequence[Mapping[str, Tensor]], seeds: Sequence[int] = SEEDS
) -> None:
    """Of `central`, which pixels move the unit in the middle, one for each seed."""
    by_formula = tuple(costs[name].receptive_field[0] for name in ("bottleneck, 256-64-256", "basic, 256"))
    pixels = {name: {int((maps[name] > 0).sum()) for maps in central} for name in central[0]}
    check(
        "blocks-receptive-field", holds=by_formula == (3, 5) and pixels == {"bottleneck": {3 * 3}, "basic block": {5 * 5}},
        value=by_formula[0], unit="pixels on a side", seeds=seeds,
        statement="A bottleneck's output depends on 3x3 pixels and a basic block's on 5x5, by the formula and by the gradient.",
        verdict=corrected("notes", "why bottleneck", "the bottleneck has the same receptive field"),
    )  # fmt: skip


def on_skips(by_option: Mapping[str, Mapping[str, int]], projected: Mapping[str, Cost]) -> None:
    """Of the parameters of nets by option, and of one bottleneck with and without a projection."""
    times = weights(projected["projection"]) / weights(projected["identity"])
    glue_all(projected=times)
    check(
        "blocks-option-a", holds=all(p["A"] == p["plain"] for p in by_option.values()),
        value=max(p["A"] - p["plain"] for p in by_option.values()), unit="parameters more, at most",
        statement="With option A, a residual network has exactly the parameters of the plain one.",
        verdict=confirmed("he2015", "section 3.3", "option A introduces no extra parameter"),
    )  # fmt: skip
    check(
        "blocks-projected-bottleneck", holds=1.9 < times < 2, value=times, unit="times the weights",
        statement="A projection on its skip makes a bottleneck nearly twice as large.",
        verdict=confirmed("he2015", "section 4.1, deeper bottleneck architectures", "with a projection instead of the identity, model size and time are doubled"),
    )  # fmt: skip


def on_strides(
    strided: Sequence[Mapping[str, Tensor]], costs: Mapping[str, Cost], seeds: Sequence[int] = SEEDS
) -> None:
    """Of the pixels that strided bottlenecks use, one mapping for each seed, and of what the two strides cost."""
    lost = {part: {unseen(maps[part]) for maps in strided} for part in strided[0]}
    times = costs["V1.5"].totals["multiply_adds"] / costs["V1"].totals["multiply_adds"]
    glue_all(unseen_v1=max(lost["V1 block"]), v15_cost=times)
    check(
        "blocks-unseen", holds=lost["V1 branch"] == lost["skip of either"] == lost["V1 block"] == {0.75},
        value=max(lost["V1 block"]), unit="of the pixels", seeds=seeds,
        statement="Three quarters of its input's pixels reach no output of a strided V1 bottleneck, by branch or skip.",
        verdict=confirmed("he2019tricks", "section 4.2", "the paper's strided block ignores three quarters of its input"),
    )  # fmt: skip
    check(
        "blocks-v15", holds=lost["V1.5 block"] == {0.0} and times > 1.2, value=times, unit="times those of V1", seeds=seeds,
        statement="With the stride on the 3x3, the block uses every pixel and takes more multiply-adds than the paper's.",
        verdict=confirmed("he2019tricks", "section 4.2, ResNet-B", "with the stride moved to the 3x3, no information is ignored"),
    )  # fmt: skip


def on_fresh_seeds(seeds: Sequence[int]) -> None:
    """Measure on other seeds, and check the claims that depend on them again."""
    on_receptive_fields(experiment.block_costs(), [experiment.central_unit(seed) for seed in seeds], seeds)
    on_strides([experiment.strided(seed) for seed in seeds], experiment.strided_costs(), seeds)
