"""The widest principal directions of the codes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vaegan import UserError, load
from vaegan.latent.directions import HOWS, Directions
from vaegan.latent.principal import NAME, principal_directions


def test_they_are_the_widest_and_as_long_as_codes_vary(run_on_photos: Path) -> None:
    model = load(run_on_photos)
    assert model.prior is not None
    found = principal_directions(model)
    assert found.names == ["direction-1", "direction-2", "direction-3", "direction-4"], "a code has four numbers"
    codes = model.prior.draw(20_000, 0).float()
    variances = codes.var(0).sum() * found.shares
    torch.testing.assert_close(found.vectors.square().sum(1), variances, rtol=0.05, atol=0)
    along = (codes - codes.mean(0)) @ (found.vectors / found.vectors.norm(dim=1, keepdim=True)).T
    torch.testing.assert_close(along.std(0), found.vectors.norm(dim=1), rtol=0.05, atol=0)
    assert (found.shares.diff() <= 0).all()
    assert float(found.shares.sum()) == pytest.approx(1)


def test_edits_add_them_by_their_names(run_on_photos: Path) -> None:
    model = load(run_on_photos)
    directions = Directions.none(model)
    codes = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    for how in HOWS:
        moved = directions.edit(codes, {"direction-2": -1.5}, how)
        torch.testing.assert_close(moved, codes - 1.5 * principal_directions(model).vectors[1])
    with pytest.raises(UserError, match=r"there is no direction named direction-5\. Did you mean direction-\d\?"):
        directions.require("direction-5")
    with pytest.raises(UserError, match="there is no direction named Beard: there are direction-1, "):
        directions.require("Beard")
    assert NAME.fullmatch("direction-12")
    assert not NAME.fullmatch("direction-12 of wind")


def test_without_a_prior_there_are_none(run_on_photos: Path) -> None:
    model = load(run_on_photos)
    model.prior = None
    assert principal_directions(model).names == []
    with pytest.raises(UserError, match="there is no direction named direction-1: there are none"):
        Directions.none(model).require("direction-1")
