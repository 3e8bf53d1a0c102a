"""What the site says only where it knows it."""

from types import SimpleNamespace

import pytest
from docutils import nodes

import presentation


@pytest.mark.parametrize("address", ["https://example.org/reader/book", None])
def test_the_repository_is_linked_where_its_address_is_known(
    monkeypatch: pytest.MonkeyPatch, address: str | None
) -> None:
    monkeypatch.setattr(presentation, "repository", lambda root: address)
    monkeypatch.setattr(presentation, "root_of", lambda app: None)
    role = presentation.RepositoryLink()
    role.text = "its repository"
    role.inliner = SimpleNamespace(document=SimpleNamespace(settings=SimpleNamespace(env=SimpleNamespace(app=None))))
    ([node], messages) = role.run()
    assert node.astext() == "its repository"
    assert not messages
    assert (node["refuri"] if isinstance(node, nodes.reference) else None) == address
