"""One style for every figure: the same text each time, readable on light and dark, named for who does not see it."""

import base64
import io
import re
import xml.etree.ElementTree as ET
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from residual import plots


@plots.styled
def drawing() -> Figure:
    figure, panels = plots.figure(2)
    for axes, color in zip(panels, (plots.PLAIN, plots.RESIDUAL), strict=True):
        plots.band(axes, [1, 2, 3], [1, 2, 3], [0, 1, 2], [2, 3, 4], color=color, label="line")
        axes.set(title="A title", xlabel="x", ylabel="y")
        axes.legend()
    return figure


def ids(svg: str) -> list[str]:
    return re.findall(r'\bid="([^"]*)"', svg)


def test_the_same_figure_gives_the_same_text() -> None:
    assert plots.svg(drawing(), alt="Two lines.") == plots.svg(drawing(), alt="Two lines.")


def test_two_drawings_share_one_page() -> None:
    first, second = (plots.svg(drawing(), alt=alt) for alt in ("One drawing.", "Another drawing."))
    everything = ids(first) + ids(second)
    assert len(everything) > 20
    assert len(everything) == len(set(everything))


def test_references_stay_within_the_drawing() -> None:
    text = plots.svg(drawing(), alt="Two lines.")
    references = re.findall(r'href="#([^"]*)"|url\(#([^)]*)\)', text)
    assert references
    assert {a or b for a, b in references} <= set(ids(text))


def test_ink_is_the_color_of_the_page() -> None:
    text = plots.svg(drawing(), alt="Two lines.")
    assert plots.INK not in text
    assert "currentColor" in text
    assert "#000000" not in text
    assert not re.search(r"fill: (#ffffff|white)", text)  # transparent: the page's ground shows


def test_text_stays_text() -> None:
    root = ET.fromstring(plots.svg(drawing(), alt="Two lines."))
    said = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert said.count("A title") == 2


def test_the_name_is_the_alt_text() -> None:
    alt = "Error falls: a < b & \"c\" > 'd'."
    root = ET.fromstring(plots.svg(drawing(), alt=alt))
    assert root.get("aria-label") == alt
    assert root.get("role") == "img"


def test_nothing_in_it_depends_on_the_day() -> None:
    text = plots.svg(drawing(), alt="Two lines.")
    assert not re.search(r"20\d\d-\d\d-\d\d|Matplotlib v", text)


def test_show_gives_vectors_pixels_and_words(monkeypatch: pytest.MonkeyPatch) -> None:
    displayed: list[Any] = []
    monkeypatch.setattr(plots, "display", lambda *arguments, **options: displayed.append((*arguments, options)))
    plots.show(drawing(), alt="Two lines.")
    ((bundle, options),) = displayed
    assert options["raw"]
    # Shown as a picture its ink is black, so it brings a light ground; the site takes that away.
    on_white = plots.svg(drawing(), alt="Two lines.").replace("<svg ", '<svg style="background: white" ', 1)
    assert bundle["image/svg+xml"] == on_white
    assert bundle["text/plain"] == "Two lines."
    pixels = Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))
    assert pixels.size == (1440, 720)  # 7.2 x 3.6 inches at 100 dots an inch, twice


@pytest.mark.parametrize("alt", ["", " ", "\n"])
def test_a_figure_without_words_is_refused(alt: str) -> None:
    for function in (plots.svg, plots.show):
        with pytest.raises(ValueError, match="alt must say what the figure shows"):
            function(drawing(), alt=alt)


def test_a_band_is_a_line_with_its_interval() -> None:
    _, (axes,) = plots.figure()
    plots.band(axes, [1, 2, 3], [5, 6, 7], [4, 5, 6], [6, 8, 9], color=plots.PLAIN, label="plain")
    (line,) = axes.lines
    assert np.array_equal(line.get_xydata(), [[1, 5], [2, 6], [3, 7]])
    assert line.get_label() == "plain"
    (shade,) = axes.collections
    corners = {(x, y) for x, y in np.asarray(shade.get_paths()[0].vertices)}
    assert corners == {(1, 4), (2, 5), (3, 6), (1, 6), (2, 8), (3, 9)}


def test_the_style_does_not_leak() -> None:
    names = [name for name in matplotlib.rcParams if name != "backend"]  # that one is found when it is first asked for
    before = {name: matplotlib.rcParams[name] for name in names}
    plots.svg(drawing(), alt="Two lines.")
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
