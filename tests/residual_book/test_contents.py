"""Every page has its folder of code and its test, and the guide for contributors names them."""

from pathlib import Path

import pytest

from residual_book.contents import ROOT, folder_of, pages, renewed, table

every_page = pytest.mark.parametrize("page", list(pages()))


def test_the_table_of_the_guide_is_up_to_date() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    assert renewed(text) == text, "run `residual-book contents`"


@every_page
def test_a_page_has_a_folder_with_its_claims_and_one_test(page: str) -> None:
    folder = ROOT / folder_of(page)
    assert {"__init__.py", "claims.py", "figures.py"} <= {file.name for file in folder.iterdir()}
    part, name = page.replace("-", "_").split("/")
    assert (ROOT / "tests" / "residual_book" / part / f"test_{name}.py").is_file()


def test_no_folder_is_without_a_page() -> None:
    folders = {file.parent for file in (ROOT / "book" / "residual_book").glob("*/*/__init__.py")}
    assert folders == {ROOT / folder_of(page) for page in pages()}


def test_a_new_page_gets_a_row(tmp_path: Path) -> None:
    (tmp_path / "_toc.yml").write_text("parts: [{chapters: [{file: part9/new-page}, {file: part9/prose}]}]")
    for name, text in (("new-page", "# A new page\n\n```{code-cell} ipython3\n1\n```\n"), ("prose", "# Prose\n")):
        file = tmp_path / "book" / "part9" / f"{name}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    code = tmp_path / "book" / "residual_book" / "part9" / "new_page"
    code.mkdir(parents=True)
    for name in ("__init__", "figures", "claims"):
        (code / f"{name}.py").write_text("")
    rows = table(tmp_path).splitlines()[2:]
    assert len(rows) == 1
    for said in ("A new page", "`book/part9/new-page.md`", "new_page/`: claims, figures", "test_new_page.py"):
        assert said in rows[0]


def test_a_guide_without_a_place_for_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match=r"CONTRIBUTING\.md must have a line"):
        renewed("# A guide\n")
