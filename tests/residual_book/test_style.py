"""One style for every figure: the same text each time, readable on light and dark, named for who does not see it."""

import base64
import io
import re
import xml.etree.ElementTree as ET
from typing import Any

import matplotlib
import pytest
from matplotlib.text import Text
from PIL import Image

from residual_book import sheets
from residual_book import style as plots
from residual_book.stats import Interval
from residual_book.style import Drawing, Look, table


@plots.styled
def drawing(alt: str = "Two lines.") -> Drawing:
    figure, panels = plots.figure(2)
    for axes, color in zip(panels, (plots.PLAIN, plots.RESIDUAL), strict=True):
        plots.band(axes, [1, 2, 3], [Interval(x, x - 1, x + 1, 3) for x in (1, 2, 3)], Look(color, "o"), label="line")
        axes.set(title="A title", xlabel="x", ylabel="y")
        axes.legend()
    return Drawing(figure, alt)


def ids(svg: str) -> list[str]:
    return re.findall(r'\bid="([^"]*)"', svg)


def test_the_same_figure_gives_the_same_text() -> None:
    assert drawing().svg() == drawing().svg()


def test_two_drawings_share_one_page() -> None:
    first, second = (drawing(alt).svg() for alt in ("One drawing.", "Another drawing."))
    everything = ids(first) + ids(second)
    assert len(everything) > 20
    assert len(everything) == len(set(everything))


def test_references_stay_within_the_drawing() -> None:
    text = drawing().svg()
    references = re.findall(r'href="#([^"]*)"|url\(#([^)]*)\)', text)
    assert references
    assert {a or b for a, b in references} <= set(ids(text))


def test_ink_is_the_color_of_the_page() -> None:
    text = drawing().svg()
    assert plots.INK not in text
    assert "currentColor" in text
    assert "#000000" not in text
    assert not re.search(r"fill: (#ffffff|white)", text)  # transparent: the page's ground shows


def test_text_stays_text() -> None:
    root = ET.fromstring(drawing().svg())
    said = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert said.count("A title") == 4  # two panels, in two layouts


def test_the_name_is_the_alt_text() -> None:
    alt = "Error falls: a < b & \"c\" > 'd'."
    root = ET.fromstring(drawing(alt).svg())
    assert root.get("aria-label") == alt
    assert root.get("role") == "img"


def test_the_narrow_layout_stacks_panels_and_moves_legends_below() -> None:
    made = drawing()
    wide, narrow = made.figure, made.narrow
    assert narrow is not None
    assert narrow.get_figwidth() == sheets.NARROW < wide.get_figwidth()
    narrow.draw_without_rendering()
    first, second = (axes.get_window_extent() for axes in narrow.axes)
    assert first.y0 > second.y1
    assert first.x0 == pytest.approx(second.x0)
    for axes in narrow.axes:
        legend, own = axes.get_legend(), axes.get_window_extent()
        assert legend is not None
        assert not any(legend.get_window_extent().overlaps(other.get_window_extent()) for other in narrow.axes)
        assert legend.get_window_extent().y1 < own.y0
    assert min(text.get_fontsize() for text in narrow.findobj(Text)) >= sheets.SMALLEST


def test_the_narrow_layout_is_in_the_same_text_and_not_shown() -> None:
    root = ET.fromstring(drawing().svg())
    (narrow,) = (el for el in root if el.get("class") == "narrow")
    assert narrow.get("display") == "none"
    assert [el.text for el in narrow.iter("{http://www.w3.org/2000/svg}text")].count("A title") == 2


def test_a_drawing_of_parts_is_laid_out_as_a_whole() -> None:
    @plots.styled
    def whole() -> Drawing:
        assert drawing().narrow is None  # it is for the sheet that is being drawn
        return drawing()

    made = whole()
    assert made.narrow is not None
    assert made.figure.get_figwidth() > made.narrow.get_figwidth()


def test_what_draws_must_return_a_drawing() -> None:
    def axes_only() -> Any:
        return plots.figure()[0]

    with pytest.raises(TypeError, match="axes_only must return a Drawing"):
        plots.styled(axes_only)()


@pytest.mark.parametrize(
    ("text", "letters", "folded"),
    [
        ("short", 10, "short"),
        ("a name that is long", 10, "a name\nthat is\nlong"),
        ("two lines,\nof which one is long", 12, "two lines,\nof which one\nis long"),
        ("$a + b$ is a formula", 5, "$a + b$ is a formula"),
        ("unbreakable-as-it-is", 5, "unbreakable-as-it-is"),
    ],
)
def test_labels_are_folded_between_words(text: str, letters: int, folded: str) -> None:
    assert sheets._fold(text, letters) == folded


def test_powers_of_ten_are_plain_text() -> None:
    @plots.styled
    def powers() -> Drawing:
        figure, (axes,) = plots.figure()
        axes.plot([1, 2], [1e-4, 1e5])
        axes.set(yscale="log", yticks=[1e-3, 1e5])
        return Drawing(figure, "A line.")

    said = [el.text for el in ET.fromstring(powers().svg()).iter("{http://www.w3.org/2000/svg}text")]
    assert "10⁻³" in said
    assert "10⁵" in said


def test_nothing_in_it_depends_on_the_day() -> None:
    text = drawing().svg()
    assert not re.search(r"20\d\d-\d\d-\d\d|Matplotlib v", text)


def test_show_gives_vectors_pixels_and_words(monkeypatch: pytest.MonkeyPatch) -> None:
    displayed: list[Any] = []
    monkeypatch.setattr(plots, "display", lambda *arguments, **options: displayed.append((*arguments, options)))
    drawing().show()
    ((bundle, options),) = displayed
    assert options["raw"]
    # Shown as a picture its ink is black, so it brings a light ground; the site takes that away.
    on_white = drawing().svg().replace("<svg ", '<svg style="background: white" ', 1)
    assert bundle["image/svg+xml"] == on_white
    assert bundle["text/plain"] == "Two lines."
    pixels = Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))
    assert pixels.size == (1440, 720)  # 7.2 x 3.6 inches at 100 dots an inch, twice


@pytest.mark.parametrize("alt", ["", " ", "\n"])
def test_a_figure_without_words_is_refused(alt: str) -> None:
    with pytest.raises(ValueError, match="alt must say what the figure shows"):
        drawing(alt)


def test_the_style_does_not_leak() -> None:
    names = [name for name in matplotlib.rcParams if name != "backend"]  # that one is found when it is first asked for
    before = {name: matplotlib.rcParams[name] for name in names}
    drawing().svg()
    assert {name: matplotlib.rcParams[name] for name in names} == before


def luminance(color: str) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("ground", ["#ffffff", "#121212"])
@pytest.mark.parametrize("color", [plots.PLAIN, plots.RESIDUAL, plots.PAPER, *plots.OTHER])
def test_lines_stand_out_on_light_and_dark(color: str, ground: str) -> None:
    assert contrast(color, ground) >= 3


def test_tables_have_the_first_column_to_the_left_and_numbers_to_the_right() -> None:
    markdown = table(["Net", "Size"], [["a", 1], ["b", "2 × 10⁹"]])
    assert markdown.data.splitlines() == ["| Net | Size |", "| :--- | ---: |", "| a | 1 |", "| b | 2 × 10⁹ |"]
    assert table(["Who", "What", "Size"], [["a", "b", 1]], left=2).data.splitlines()[1] == "| :--- | :--- | ---: |"
    with pytest.raises(ValueError, match=r"rows must have 2 cells, got 1: \['a'\]"):
        table(["Net", "Size"], [["a"]])
