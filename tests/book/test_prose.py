"""Numbers that somebody typed into a sentence are found, and numbers that name things are left alone."""

from pathlib import Path

import pytest

from prose import typed_measurements


@pytest.mark.parametrize(
    ("text", "wording"),
    [
        ("It gets 12 % of the images wrong.", "12 %"),
        ("It gets 12% wrong.", "12%"),
        ("It gets 12.5 % wrong.", "12.5"),
        ("It gets 12 percent wrong.", "12 percent"),
        ("Between 20-56 % are wrong.", "56 %"),
        ("The error is 0.41.", "0.41"),
        ("The slope is -0.41 here.", "0.41"),
        ("The slope is (0.41) here.", "0.41"),
        ("The net has 589,824 weights.", "589,824"),
        ("The net has 589824 weights.", "589824"),
        ("The net has 11 million weights.", "11 million"),
        ("It grows to 2e17.", "2e17"),
        ("It grows to 2 x 10^17.", "2 x 10"),
        ("It grows to 2×10⁻⁷.", "2×10"),
        ("It is 3 times faster.", "3 times"),
        ("It is 3x faster.", "3x"),
        ("It is 3 × faster.", "3 ×"),
        ("It is three times faster.", "three times faster"),
        ("Ten times larger than that.", "Ten times larger"),
        ("It grows 30-fold.", "30-fold"),
        ("It is 20 points worse.", "20 points"),
        ("It took 12 s.", "12 s"),
        ("It took 12 ms.", "12 ms"),
        ("It took 12 seconds.", "12 seconds"),
        ("It took 3 hours.", "3 hours"),
        ("It needs 3 GB.", "3 GB"),
        ("It needs 184 MiB.", "184 MiB"),
        ("A 95 % majority.", "95 %"),
        ("ResNet-20 gets 8.75 wrong.", "8.75"),
        ("In 2015 it took\n12 seconds.", "12 seconds"),
        ("(It took 12 seconds.)", "12 seconds"),
        ("(see)\nIt took 12 seconds.", "12 seconds"),
        ("In `code` and $x$ it took 12 seconds.", "12 seconds"),
        ("Glued {glue:text}`x:.1f` and 12 % typed.", "12 %"),
        ("- a\n- it took 12 seconds\n", "12 seconds"),
        ("1. it took 12 seconds\n", "12 seconds"),
        ("| a | b |\n|---|---|\n| c | 12 % |\n", "12 %"),
        ("> It took 12 seconds.", "12 seconds"),
        ("```{admonition} In one minute\n:class: tip\nIt took 12 seconds.\n```", "12 seconds"),
        ("```{admonition} In 12 seconds\n```", "12 seconds"),
        (":::{note}\nIt took 12 seconds.\n:::", "12 seconds"),
        ("::::{grid} 1 1 2 2\n:::{grid-item-card} Plain\nIt took 12 s.\n:::\n::::", "12 s"),
        ("````{prf:theorem} Slow\nIt takes 12 s.\n````", "12 s"),
        ("```{figure} a.svg\n:alt: nothing\n\nIt falls to 0.41.\n```", "0.41"),
        ("```{figure} a.svg\n:alt: It falls to 0.41.\n\nLook.\n```", "0.41"),
        ("```{literalinclude} a.py\n:caption: It takes 12 s\n```", "12 s"),
        ("```{list-table}\n:header-rows: 1\n\n* - a\n  - 12 %\n```", "12 %"),
        ("```{code-cell}\n:mystnb:\n:  figure:\n:    caption: It falls to 0.41.\n\nx = 1\n```", "0.41"),
        ("```{code-cell}\n:mystnb:\n:  figure:\n:    caption: |\n:      Loss: it falls to 0.41.\n\nx = 1\n```", "0.41"),
        (
            "```{code-cell}\n:mystnb:\n:  figure:\n:    caption: |\n:      It falls\n:      to 0.41.\n\nx = 1\n```",
            "0.41",
        ),
        ("$$\nx = 1\n$$\nIt took 12 seconds.", "12 seconds"),
        ("$$ x = 1 $$\nIt took 12 seconds.", "12 seconds"),
        ("```python\nx = 1\n```\nIt took 12 seconds.", "12 seconds"),
        ("---\ntitle: 1.5\n---\nIt took 12 seconds.", "12 seconds"),
    ],
)
def test_flagged(text: str, wording: str) -> None:
    found = list(typed_measurements(f"# Title\n\n{text}\n" if not text.startswith("---") else text))
    assert [said for _, said in found] == [wording]


@pytest.mark.parametrize(
    "text",
    [
        "In 2015 and the 1990s, between 2015-2016.",
        "See section 4.1, sections 3.2 and 3.3, Figure 6.1, Table 2.4 and equation 2.1.",
        "ResNet-20, plain-56, ReLU6, ResNet50, CIFAR-10.",
        "A 3x3 convolution, 3×3, 3 x 3, images of 1x8x8 and 8x10 pixels.",
        "It has 6n + 2 layers, $6n+2$ of depth 56, from 10 seeds, in 20 layers and 6 epochs.",
        "`0.41` and ``12 %`` are code.",
        "Of $0.41$, $x = 12.5\\,\\%$ and $10^{-3}$.",
        "$$\nx = 0.41\n$$ (eq-x)",
        "$$ x = 0.41 $$",
        "\n$$\n\\begin{aligned}\nx &= 0.41 \\\\\ny &= 12.5\n\\end{aligned}\n$$\n",
        "{cite:t}`he2015` got 6.43 %\nin 64,000 steps.",
        "The paper got 6.43 % {cite:p}`he2015`.",
        "[The paper](https://arxiv.org/abs/1512.03385), https://example.org/0.41, <https://example.org/1.5>.",
        "The preprint arXiv:1512.03385.",
        "Version 1.2.3, torch 2.13.0, Python 3.11, version 2.13, CC BY 4.0.",
        "A 95 % interval, a 95 % confidence interval and a 95% bootstrap interval.",
        "5-fold cross-validation.",
        "Glued: {glue:text}`error:.1f` %, {glue:text}`times:,.0f` times, {glue:text}`closed:.0%`.",
        "One point of view, two points to note, in one minute.",
        "```python\nx = 0.41  # 12 %\n```",
        "~~~\n12 %\n~~~",
        "```{code-cell} ipython3\n:tags: [hide-input]\n\nx = 0.41\n```",
        "```{mermaid}\ngraph TB\n    a[12 %]\n```",
        "```{code-cell}\n:mystnb:\n:  figure:\n:    caption: |\n:      It falls.\n:    name: fig-0.41\n\nx = 0.41\n```",
        "```{figure} a-0.41.svg\n:width: 12.5 %\n\nA caption.\n```",
        "```{literalinclude} a.py\n:lines: 1-2\n:caption: A caption\n```",
        "````{admonition} A title\n```python\nx = 0.41\n```\n````",
        "(sec-0.41)=\n# Title 0.41",
        "% a comment: 12 %",
        "<!-- a comment: 12 % -->",
        "---\ntitle: 1.5\n---\n",
    ],
)
def test_left_alone(text: str) -> None:
    assert list(typed_measurements(text)) == []


def test_lines_are_those_of_the_page() -> None:
    text = "---\na: 1\n---\n\n# Title\n\nOne\nis 0.41.\n\n```{note}\n:class: tip\nIt is\n12 % or 13 %.\n```\n\nNow 14 %"
    assert list(typed_measurements(text)) == [(8, "0.41"), (13, "12 %"), (13, "13 %"), (16, "14 %")]


def test_every_page_of_the_book_is_clean(root: Path) -> None:
    pages = [path for path in (root / "book").rglob("*.md") if "_static" not in path.parts]
    assert pages
    found = [(path.name, *place) for path in pages for place in typed_measurements(path.read_text())]
    assert found == []
