"""What the schema offers and what a simulated day fills."""

import numpy as np

from residual.experiments.sparsity import filling, offers
from residual.ocsf.schema import CLASSES, class_features


def test_offers_count_the_schema() -> None:
    found = {offer.uid: offer for offer in offers()}
    assert found.keys() == CLASSES.keys()
    assert list(found) == sorted(found)
    for uid, offer in found.items():
        assert offer.required < offer.shallow == len(class_features(uid)) < offer.deep
    assert (found[3002].caption, found[3002].category) == ("Authentication", "Identity & Access Management")


def test_a_filling_adds_up() -> None:
    found = filling(3, users=12)
    assert found.shares.keys() == found.leaves.keys() <= set(CLASSES.values())
    for name, leaves in found.leaves.items():
        assert np.isclose(found.shares[name].sum(), leaves.mean())  # both count the filled cells of a class
    filled = sum(leaves.sum() for leaves in found.leaves.values())
    assert np.isclose(found.empty, 1 - filled / (len(found.every_leaf) * len(found.columns)))
    spread = np.sum(list(found.shares.values()), axis=0)
    assert (np.diff(spread) <= 1e-12).all()
    assert spread.min() > 0
    assert found.columns[0] in class_features(3002)
