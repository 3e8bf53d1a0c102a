"""The ledger of the built site: every claim of the book stands, on the seeds of its page and on fresh ones."""

import json
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup

import ledger
from residual_book import replication
from residual_book.deleted import DELETED


@pytest.fixture(scope="module")
def claims(site: Path) -> list[dict[str, Any]]:
    """What a reader can download."""
    found: list[dict[str, Any]] = json.loads((site / "claims.json").read_text())["claims"]
    return found


@pytest.fixture(scope="module")
def page(site: Path) -> BeautifulSoup:
    return BeautifulSoup((site / "appendix" / "claims.html").read_text(), "html.parser")


def test_every_claim_stands_on_fresh_seeds(root: Path, claims: list[dict[str, Any]]) -> None:
    """Where one does not, rewrite its sentence, and measure that on seeds nobody has looked at: see CONTRIBUTING."""
    bad = (replication.FAILED, replication.CHANGED, replication.UNTRIED)
    assert [(claim["id"], claim["standing"]) for claim in claims if claim["standing"] in bad] == []
    rounds = [replication.recorded(root / "results" / file, seeds) for file, seeds in replication.ROUNDS.items()]
    assert {run.page for runs in rounds for run in runs} == set(replication.pages())


def test_no_page_uses_the_fresh_seeds(claims: list[dict[str, Any]]) -> None:
    fresh = set().union(*replication.ROUNDS.values())
    assert [claim["id"] for claim in claims if fresh & set(claim["seeds"])] == []


def test_each_claim_is_listed_once_and_can_be_reached(site: Path, page: BeautifulSoup, claims: list[Any]) -> None:
    of_drafts = {claim["id"] for claim in claims if claim["source"] in ledger.DRAFTS}
    listed = [str(entry["id"]).removeprefix("ledger-") for entry in page.select("details.claim-entry")]
    assert listed == [claim["id"] for claim in claims if claim["id"] not in of_drafts]
    assert len(page.select("table.drafts tbody tr")) == len(of_drafts)
    for link in page.select("details.claim-entry a[href*='#claim-']"):
        file, _, anchor = str(link["href"]).partition("#")
        assert f'id="{anchor}"' in (site / "appendix" / file).read_text()


def test_every_recorded_claim_names_a_file(root: Path, claims: list[dict[str, Any]]) -> None:
    names = {claim["recorded"] for claim in claims if claim["recorded"]}
    assert [name for name in names if not (root / "results" / name).is_file()] == []


def test_sentences_that_are_gone_are_listed(page: BeautifulSoup) -> None:
    assert len(page.select("table.deleted tbody tr")) == len(DELETED)
