import math

from residual.plots.depth import LOST, errors_by_depth, first_steps, price_and_return, signal_sizes


def test_seeds_means_and_lost_nets() -> None:
    test = {8: [4.0, 6.0], 56: [3.0, None]}
    train = {8: [1.0, 3.0], 56: [2.0, None]}
    drawing = errors_by_depth({"with": {"original": (train, test)}, "without": {"no norm, scale 1": (train, test)}})
    for axes in drawing.axes:
        means = {line.get_linestyle(): list(line.get_ydata()) for line in axes.lines[1:3]}
        assert means["-"][0] == 5
        assert means["--"][0] == 2
        assert math.isnan(means["-"][1])
        crosses = [line for line in axes.lines if line.get_marker() == "x"]
        assert [list(line.get_ydata()) for line in crosses] == [[], [LOST]]
    assert [text.get_text() for text in drawing.legends[0].get_texts()] == ["test", "training", "diverged"]


def test_theory_is_drawn_where_there_is_one() -> None:
    sizes = {"no norm, scale 1": {1: [2.0, 2.1], 4: [15.0, 17.0]}, "pre-activation": {1: [3.0], 4: [9.0]}}
    drawing = signal_sizes(sizes, sizes, {"no norm, scale 1": lambda blocks: 2**blocks})
    for axes in drawing.axes:
        (dashed,) = [line for line in axes.lines if line.get_linestyle() == "--"]
        assert dashed.get_ydata()[0] == 2
        assert abs(dashed.get_ydata()[-1] - 16) < 1e-9


def test_a_line_a_seed() -> None:
    drawing = first_steps([[2.3, 1.0], [2.3, 2.0]], [[1.0], [2.0]])
    assert [len(axes.lines) for axes in drawing.axes] == [2, 2]


def test_costs_are_in_their_units_and_the_papers_ends_are_written() -> None:
    published = {"original": {110: 6.61, 1001: 7.61}, "pre-activation": {110: 6.37, 1001: 4.92}}
    work, memory, error = price_and_return({8: 10**9}, {8: 2 * 10**6}, published).axes
    assert list(work.lines[0].get_ydata()) == [1]
    assert list(memory.lines[0].get_ydata()) == [2]
    assert [text.get_text() for text in error.texts] == ["6.61", "7.61", "6.37", "4.92"]
