"""What `vaegan.data` finds in a set of images."""

from __future__ import annotations

from unittest.mock import patch

import vaegan
from vaegan.data import dataset

from ..tiny import avatars


def test_the_shares_of_attributes_and_how_often_tables_are_read() -> None:
    images = avatars()
    known = images.attributes
    with patch.object(dataset, "read_table", wraps=dataset.read_table) as reads:
        found = vaegan.data(images)
    assert list(found.attributes.values()) == [(known[:, column] > 0).mean() for column in range(len(images.attribute_names))]
    assert reads.call_count == 2, "once for the attributes and once for the labels, however many attributes there are"
