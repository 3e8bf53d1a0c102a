"""What `book/part2/resnet.md` says, and the rule of each sentence."""

from collections.abc import Mapping

from torch.nn import Conv2d

from residual.probes.cost import Cost
from residual_book.claims import check, confirmed, extended, glue_all, no_verdict, scoped
from residual_book.nets import last_map_sees
from residual_book.part2.resnet.experiment import (
    PAPER_MULTIPLY_ADDS,
    Variant,
    billions,
    convolutions,
    last_map,
)
from residual_book.part2.resnet.experiment import TORCHVISION_ACCURACY as ACCURACY


def on_family(variants: Mapping[str, Variant]) -> None:
    """Of the five networks: parameters, multiply-adds, and what a unit of the last map sees."""
    parameters = [v.cost.totals["parameters"] for v in variants.values()]
    paper_gap = max(abs(billions(v.cost_v1) - PAPER_MULTIPLY_ADDS[name]) for name, v in variants.items())
    sees = {name: last_map_sees(v.cost) for name, v in variants.items()}
    windows = {name: sum(isinstance(m, Conv2d) and m.kernel_size == (3, 3) for m in v.net.modules()) for name, v in variants.items()}  # fmt: skip
    fifty, sees_18, sees_50 = variants["ResNet-50"], sees["ResNet-18"], sees["ResNet-50"]
    macs_50, macs_50_v1, sees_50_v1 = billions(fifty.cost), billions(fifty.cost_v1), last_map_sees(fifty.cost_v1)
    path_34 = convolutions(variants["ResNet-34"].cost)
    without_stride = [layer.multiply_adds for layer in path_34 if layer.name.endswith("conv2")]
    glue_all(
        parameters_50=f"{parameters[2]:,}", macs_50=macs_50, macs_50_v1=macs_50_v1,
        gain_to_50=ACCURACY["ResNet-50"] - ACCURACY["ResNet-18"], gain_to_152=ACCURACY["ResNet-152"] - ACCURACY["ResNet-101"],
        paper_gap=paper_gap, field_50=str(sees_50), field_18=str(sees_18), windows_50=str(windows["ResNet-50"]),
    )  # fmt: skip
    check(
        "resnet-parameters", holds=parameters == [11_689_512, 21_797_672, 25_557_032, 44_549_160, 60_192_808], value=parameters[2], unit="parameters of ResNet-50",
        statement="The five networks have 11,689,512, 21,797,672, 25,557,032, 44,549,160 and 60,192,808 parameters.",
        verdict=confirmed("torchvision2016", "documentation of the weights of each network", "the same five numbers of parameters"),
    )  # fmt: skip
    check(
        "resnet-multiply-adds", holds=paper_gap < 0.07, value=paper_gap, unit="billion, at most",
        statement="With the paper's strides, our counts of multiply-adds are within 0.07 billion of the paper's.",
        verdict=confirmed("he2015", "Table 1", "1.8, 3.6, 3.8, 7.6 and 11.3 billion"),
    )  # fmt: skip
    check(
        "resnet-v15", holds=round(macs_50, 2) == 4.09, value=macs_50, unit="billion",
        statement="As torchvision strides it, ResNet-50 takes 4.09 billion multiply-adds.",
        verdict=confirmed("torchvision2016", "documentation of the weights of resnet50", "4.09 billion"),
    )  # fmt: skip
    check(
        "resnet-field-483", holds=(sees_50_v1, sees_50) == (483, 427), value=sees_50, unit="pixels",
        statement="A unit of ResNet-50's last map sees 483 pixels with the paper's strides, and 427 with those that are common now.",
        verdict=scoped("araujo2019", "discussion, table of networks", "483 pixels for ResNet-50"),
    )  # fmt: skip
    check(
        "resnet-sees-all", holds=min(sees.values()) > 224, value=min(sees.values()), unit="pixels, at least",
        statement="In all five networks the units of the last map can depend on more than the whole width of the image.",
        verdict=confirmed("araujo2019", "discussion, receptive fields of modern networks", "in most of today's networks the last features can depend on the whole image"),
    )  # fmt: skip
    check(
        "resnet-18-sees-as-far", holds=windows["ResNet-18"] == windows["ResNet-50"] == 16 and 0.9 < sees_18 / sees_50 < 1.1, value=sees_18 / sees_50, unit="times as far",
        statement="ResNet-18 has as many 3x3 convolutions on its path as ResNet-50, and its last map sees as far, within a tenth.",
        verdict=confirmed("araujo2019", "equation for a single path", "the view widens with windows and strides, not with layers"),
    )  # fmt: skip
    check(
        "resnet-even-work", holds=len(set(without_stride)) == 1, value=max(without_stride) / min(without_stride), unit="is the ratio of the most to the least",
        statement="In ResNet-34, the second 3x3 convolution of a block takes the same multiply-adds in every stage.",
        verdict=confirmed("he2015", "section 3.3", "channels double where the map is halved, so that each layer takes as long"),
    )  # fmt: skip


def on_resnet_50(shares: Mapping[str, Mapping[str, float]], sizes: Mapping[tuple[int, int], Cost]) -> None:
    """Of the shares of its parts, and of what it costs for images of several sizes."""
    late = shares["stage 4"]
    glue_all(late_parameters=late["parameters"], late_macs=late["multiply_adds"])
    nets = {(counted.totals["parameters"], last_map(counted)[0]) for counted in sizes.values()}
    growth = sizes[448, 448].totals["multiply_adds"] / sizes[224, 224].totals["multiply_adds"]
    check(
        "resnet-late-parameters", holds=late["parameters"] > 50 and late["multiply_adds"] < 25, value=late["parameters"], unit="% of the parameters",
        statement="More than half of ResNet-50's parameters are in its last stage, and less than a quarter of its work.",
        verdict=no_verdict("he2015", "Table 1", "gives the widths of the stages and their numbers of blocks"),
    )  # fmt: skip
    check(
        "resnet-any-size", holds=len(nets) == 1 and 3.99 < growth <= 4, value=growth, unit="times the multiply-adds",
        statement="One ResNet-50 reads images of 32 to 448 pixels, square or not, with the same parameters; twice the side costs four times the work.",
        verdict=extended("he2015", "section 3.4", "tests its networks on images of several sizes, as fully convolutional nets"),
    )  # fmt: skip
