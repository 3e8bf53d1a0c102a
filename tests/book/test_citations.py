"""Labels of works: author and year, and never two alike."""

from pathlib import Path

import pytest
from pybtex.database import BibliographyData, parse_file, parse_string

import citations

WORKS = """
@article{b, author = {He, Kaiming and Sun, Jian and Ren, Shaoqing}, title = {Second}, year = {2015}}
@article{a, author = {He, Kaiming and Zhang, Xiangyu and Ren, Shaoqing}, title = {First}, year = {2015}}
@article{c, author = {He, Kaiming and Sun, Jian}, title = {Two}, year = {2015}}
@article{d, author = {von Neumann, John}, title = {One}, year = {1945}}
@manual{e, organization = {OCSF}, title = {Nobody}, year = {2024}}
@article{f, author = {Doll{\\'a}r, Piotr}, title = {Accents}, year = {2017}}
"""


@pytest.fixture
def works() -> BibliographyData:
    return parse_string(WORKS, "bibtex")


def labels(works: BibliographyData) -> dict[str, str]:
    entries = list(works.entries.values())
    citations.tell_apart(entries)
    return dict(zip(works.entries, citations.AuthorYear().format_labels(entries), strict=True))


def test_labels_are_author_and_year(works: BibliographyData) -> None:
    assert labels(works) == {
        "b": "He et al., 2015b",
        "a": "He et al., 2015a",
        "c": "He and Sun, 2015",
        "d": "von Neumann, 1945",
        "e": "OCSF, 2024",
        "f": "Dollár, 2017",
    }


def test_letters_are_given_once(works: BibliographyData) -> None:
    assert labels(works) == labels(works)


def test_no_two_works_of_the_book_have_one_label(root: Path) -> None:
    named = labels(parse_file(root / "references.bib", "bibtex"))
    assert len(named) == len(set(named.values())) > 20
    assert not [label for label in named.values() if "$" in label or "\\" in label or "{" in label]
