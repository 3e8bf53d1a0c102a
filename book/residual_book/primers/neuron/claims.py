"""What `book/primers/neuron.md` says, and the rule of each sentence."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from residual_book import claims
from residual_book.claims import confirmed, extended, glue_all, number
from residual_book.primers.neuron import checks, edges
from residual_book.stats import mean_over

HIDDEN_UNITS = confirmed("rumelhart1986", "abstract", "hidden units learn features of the task, which simpler methods without hidden units cannot create")  # fmt: skip


def check_all(
    runs: Sequence[edges.EdgeRun],
    both: Sequence[edges.BothSidesRun],
    compared: Sequence[checks.Distances],
    trained: Sequence[checks.DigitsRun],
    seeds: Sequence[int] = edges.SEEDS,
) -> None:
    """Of a neuron and vertical edges, of edges of either sign, of our derivatives beside others', and of the digits."""
    learned, means = mean_over(runs, lambda r: r.path[-1].cosine), mean_over(runs, lambda r: r.means.cosine)
    neuron_error, layers_error = mean_over(both, lambda r: r.neuron.error), mean_over(both, lambda r: r.layers.error)
    autograd, differences = max(net.autograd for net in compared), max(net.differences for net in compared)
    ahead = mean_over(trained, lambda r: r.logistic_test - r.net_test)
    glue_all(
        angle=float(np.degrees(np.arccos(learned.estimate))), cosine=learned, means_cosine=means, edge_error=mean_over(runs, lambda r: r.error),
        neuron_error=neuron_error, layers_error=layers_error, none_error=both[0].none_error, autograd_worst=number(autograd),
        net_test=mean_over(trained, lambda r: r.net_test), ahead=ahead, logistic_test=mean_over(trained, lambda r: r.logistic_test),
    )  # fmt: skip
    check = partial(claims.check, seeds=seeds)
    check(
        "neuron-finds-the-pattern", holds=learned.low > 0.99, value=learned, unit="cosine",
        statement="A neuron that learns to detect vertical edges ends with weights in the direction of those made by hand, cosine above 0.99.",
        verdict=extended("goodfellow2016", "section 5.7.1", "such a neuron is trained by following the gradient of the likelihood"),
    )  # fmt: skip
    closer = mean_over(runs, lambda r: r.path[-1].cosine - r.means.cosine)
    check(
        "neuron-beats-class-means", holds=closer.low > 0 and closer.high < 0.02, value=closer, unit="more cosine",
        statement="The learned weights are closer to the hand-made ones than the difference of the class means, which needs no learning, but by less than 0.02 of cosine.",
        verdict=extended("goodfellow2016", "section 5.7.1", "such a neuron has no best weights in closed form"),
    )  # fmt: skip
    neuron_trios, layers_trios = [run.neuron.trios for run in both], mean_over(both, lambda r: r.layers.trios)
    check(
        "neuron-one-side-only", holds=max(neuron_trios) == 0 and layers_trios.low > 90, value=layers_trios, unit="% with two layers, 0 with one", verdict=HIDDEN_UNITS,
        statement="No single neuron answers an edge, its mirror image and their mean all correctly; two layers do for more than nine in ten edges.",
    )  # fmt: skip
    check(
        "neuron-two-layers-err-less", holds=neuron_error.low > 10 * layers_error.high, value=neuron_error.estimate / layers_error.estimate, unit="times fewer", verdict=HIDDEN_UNITS,
        statement="On edges of either sign two layers make less than a tenth of one neuron's errors.",
    )  # fmt: skip
    check(
        "backpropagation-is-the-gradient", holds=autograd < 1e-12 and differences < 1e-6, value=autograd, unit="relative distance, at most",
        statement="Backpropagation in a dozen lines of numpy gives the gradients of automatic differentiation to 1e-12, and of finite differences to 1e-6.",
        verdict=confirmed("rumelhart1986", "equations 4 to 7", "the chain rule, from the last layer to the first, gives the derivative of the error with respect to every weight"),
    )  # fmt: skip
    product = max(net.product for net in compared)
    check(
        "backpropagation-is-a-product", holds=product < 1e-12, value=product, unit="relative distance, at most",
        statement="The Jacobian of a net is the product of its weights and the masks of its ReLUs, exactly.",
        verdict=confirmed("goodfellow2016", "section 6.5.2", "back-propagation multiplies by the Jacobian of one operation after the other"),
    )  # fmt: skip
    check(
        "backpropagation-learns-digits", holds=ahead.low > 0, value=ahead, unit="points lower", verdict=HIDDEN_UNITS,
        statement="On the digits, the three layers trained by it have a lower test error than logistic regression.",
    )  # fmt: skip


def on_fresh_seeds(seeds: Sequence[int]) -> None:
    """Measure on other seeds, and check the claims that depend on them again."""
    check_all(
        [edges.learn_edge(seed) for seed in seeds],
        [edges.learn_both_sides(seed) for seed in seeds],
        [checks.compare(widths, seed) for widths in checks.SHAPES for seed in seeds],
        [checks.learn_digits(seed) for seed in seeds],
        seeds,
    )
