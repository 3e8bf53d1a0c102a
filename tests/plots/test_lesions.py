from residual.plots import RESIDUAL
from residual.plots.lesions import NETS, many_blocks, one_block


def test_each_net_has_its_panel_with_seeds_mean_and_whole_net() -> None:
    errors = {"plain-20": [{"a": 80.0, "b": 90.0}, {"a": 70.0, "b": 80.0}], "residual-56": [{"a": 3.0, "b": 5.0}]}
    drawing = one_block(errors, {"plain-20": [4.0, 6.0], "residual-56": [2.0]})
    left, right = drawing.axes
    assert (left.get_title("left"), right.get_title("left")) == ("plain-20", "residual-56")
    assert [list(line.get_ydata()) for line in left.lines] == [[80, 90], [70, 80], [75, 85], [5, 5]]
    assert right.lines[0].get_color() == RESIDUAL


def test_mean_of_seeds_against_blocks_taken_out_and_a_dot_a_shuffle() -> None:
    removed = {"plain-20": [{0: 4.0, 1: 80.0}, {0: 6.0, 1: 90.0}]}
    drawing = many_blocks(removed, {"plain-20": [(1.0, 5.0), (0.5, 90.0)]}, chance=90)
    left, right = drawing.axes
    assert [list(line.get_ydata()) for line in left.lines[:3]] == [[4, 80], [6, 90], [5, 85]]
    assert [list(map(float, data)) for data in right.lines[0].get_data()] == [[1.0, 0.5], [5.0, 90.0]]
    assert right.xaxis_inverted()
    (legend,) = drawing.legends
    assert [text.get_text() for text in legend.get_texts()] == ["plain-20"]


def test_nets_do_not_look_alike() -> None:
    assert len(set(NETS.values())) == len({color for color, _ in NETS.values()}) == len(NETS)
