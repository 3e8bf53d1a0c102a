"""What `book/primers/convolutions.md` says, and the rule of each sentence."""

from collections.abc import Mapping, Sequence

from residual.probes.cost import Cost
from residual.vision.data import digits
from residual_book import claims
from residual_book.claims import confirmed, glue_all, scoped
from residual_book.primers.convolutions import arithmetic, layers
from residual_book.primers.convolutions.layers import SEEDS, Normed, View
from residual_book.stats import mean_interval


def on_arithmetic(parities: Sequence[Mapping[str, float]], seeds: Sequence[int] = SEEDS) -> None:
    """Of the loops beside torch and the convolution of mathematics, one mapping for each seed."""
    unflipped = mean_interval([p["convolution"] for p in parities])
    glue_all(unflipped=unflipped)
    claims.check(
        "conv-is-cross-correlation", value=unflipped, unit="of the largest value, without turning", seeds=seeds,
        holds=max(p["torch"] for p in parities) < 1e-12 and max(p["turned"] for p in parities) < 1e-12 and unflipped.low > 0.1,
        statement="What torch calls a convolution is our sliding sum, a cross-correlation; the convolution of mathematics equals it only with the kernel turned.",
        verdict=confirmed("goodfellow2016", "section 9.1", "many libraries implement cross-correlation and call it convolution"),
    )  # fmt: skip


def on_sizes(wrong_sizes: int, sizes: int) -> None:
    """Of the formula for the size of the output."""
    claims.check(
        "conv-output-size", holds=wrong_sizes == 0, value=wrong_sizes, unit=f"wrong of {sizes:,}",
        statement="The formula for the output's size is right for every window that fits, over all sizes, strides, paddings and dilations tried.",
        verdict=confirmed("dumoulin2016", "abstract", "input, kernel, padding and stride determine the output's shape"),
    )  # fmt: skip


def on_shifts(shifts: Sequence[Mapping[str, float]], seeds: Sequence[int] = SEEDS) -> None:
    """Of the distance between shifting before and shifting after, by layer and shift, one mapping for each seed."""
    worst = {name: max(shift[name] for shift in shifts) for name in shifts[0]}
    borders = mean_interval([shift["convolution, 1 pixel,\nborders too"] for shift in shifts])
    one_pixel = {
        layer: mean_interval([shift[f"{layer}, 1 pixel"] for shift in shifts]) for layer in ("stride 2", "max pooling")
    }
    claims.check(
        "conv-shift-exact", holds=worst["convolution, 1 pixel"] < 1e-12 and borders.low > 0.05, value=borders, unit="of the output with borders, 0 without", seeds=seeds,
        statement="Away from the borders a convolution of a shifted image is the shifted convolution, exactly; with zero padding it is not at the borders.",
        verdict=scoped("goodfellow2016", "section 9.2", "a convolution is equivariant to translation"),
    )  # fmt: skip
    claims.check(
        "conv-stride-breaks-shift", value=one_pixel["stride 2"], unit="of the output, with stride 2", seeds=seeds,
        holds=all(worst[f"{layer}, 2 pixels"] < 1e-12 and error.low > 0.25 for layer, error in one_pixel.items()),
        statement="With stride 2 or max pooling the output follows shifts by two pixels exactly; for shifts by one pixel it is off by more than a quarter of its size.",
        verdict=confirmed("zhang2019shift", "abstract", "subsampling makes convolutional nets not shift-invariant"),
    )  # fmt: skip


def on_views(views: Mapping[tuple[int, ...], Sequence[View]], seeds: Sequence[int] = SEEDS) -> None:
    """Of receptive fields by strides, computed in three ways, one view for each seed."""
    every = [view for of_seeds in views.values() for view in of_seeds]
    claims.check(
        "conv-receptive-field", holds=all(view.formula == view.counted == view.gradient for view in every),
        value=max(abs(view.formula - view.gradient) for view in every), unit="pixels apart, at most", seeds=seeds,
        statement="Formula, count and gradient find the same receptive field in stacks with and without strides.",
        verdict=confirmed("araujo2019", "abstract", "receptive fields follow in closed form from kernels, strides and paddings"),
    )  # fmt: skip


def on_batch_norm(runs: Sequence[Normed], seeds: Sequence[int] = SEEDS) -> None:
    """Of batch norm's two modes."""
    training = mean_interval([run.companions["training"] for run in runs])
    evaluation = max(run.companions["evaluation"] for run in runs)
    gap_10, gap_100 = (mean_interval([run.gaps[n] for run in runs]) for n in (10, 100))
    glue_all(gap_10=gap_10, gap_100=gap_100)
    claims.check(
        "conv-batch-norm-companions", holds=training.low > 0.01 and evaluation == 0, value=training, unit="of the output in training, 0 in evaluation", seeds=seeds,
        statement="In training mode batch norm's output for an image depends on its companions in the batch; in evaluation mode it does not.",
        verdict=confirmed("ioffe2015", "algorithm 2", "for inference the batch's statistics are replaced by fixed ones"),
    )  # fmt: skip
    claims.check(
        "conv-running-averages-lag", holds=gap_10.low > 0.1 and gap_100.high < 0.05, value=gap_10, unit="of the output, after ten batches", seeds=seeds,
        statement="After ten batches the running averages still put evaluation mode more than a tenth off; after a hundred, less than a twentieth.",
        verdict=confirmed("ioffe2015", "algorithm 2", "fixed statistics are those of the training data, gathered over many batches"),
    )  # fmt: skip


def on_parameters(ways: Mapping[str, Cost], kinds: Mapping[str, int]) -> None:
    """Of ways to connect two maps, and of the CIFAR ResNet-20's parameters by kind of layer."""
    weights = {name: way.totals["parameters"] for name, way in ways.items()}
    large, small = ways["7x7"].receptive_field, ways["3x3, three times"].receptive_field
    more = 100 * (weights["7x7"] / weights["3x3, three times"] - 1)
    total = sum(kinds.values())
    glue_all(fewer=weights["fully connected"] / weights["3x3"])
    claims.check(
        "conv-small-windows", holds=80.5 < more < 81.5 and large == small, value=more, unit="% more",
        statement="One 7x7 convolution has 81% more weights than three of 3x3, which see as far.",
        verdict=confirmed("simonyan2015", "discussion of the configurations", "a 7x7 layer has 81% more parameters than three 3x3 layers"),
    )  # fmt: skip
    claims.check(
        "conv-resnet-20-parameters", holds=round(total / 1e6, 2) == 0.27 and kinds["Conv2d"] > 0.99 * total, value=total, unit="parameters",
        statement="The CIFAR ResNet-20 has 0.27 million parameters, and more than 99% of them are weights of convolutions.",
        verdict=confirmed("he2015", "Table 6", "0.27 million parameters"),
    )  # fmt: skip


def on_fresh_seeds(seeds: Sequence[int]) -> None:
    """Measure on other seeds, and check the claims that depend on them again."""
    on_arithmetic([arithmetic.parity(seed) for seed in seeds], seeds)
    on_shifts([layers.shift_errors(seed) for seed in seeds], seeds)
    on_views({strides: [layers.view(strides, seed) for seed in seeds] for strides in layers.STACKS}, seeds)
    on_batch_norm([layers.norm_digits(digits().train_images, seed) for seed in seeds], seeds)
