"""An evaluation as tables, for people."""

from __future__ import annotations

import math

import numpy as np
from rich.table import Table
from rich.text import Text

from .evaluate import Evaluation
from .features import Comparison
from .image import lpips_way_out
from .memorization import copying_test, verdict
from .posterior import Carried

PAIRS = {
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
    "ms_ssim": "MS-SSIM",
    "lpips": "LPIPS (AlexNet)",
    "similarity_error": "learned similarity error",
    "pixel_error": "squared pixel error",
}
"""What each measure of a reconstruction is called."""


def tables(found: Evaluation) -> list[Table]:
    """All that was found, and what it depends on."""
    images = found.settings["images"]
    all_tables = [_distances(found, f"{images['samples']:,} samples of the prior", found.samples)]
    if found.reconstructions:
        all_tables.append(_distances(found, f"{images['held_out']:,} reconstructions of held-out images", found.reconstructions))
        all_tables.append(_errors(found))
    if found.codes:
        all_tables.append(_codes(found.codes, len(found.held_out)))
    return [*all_tables, _copies(found), _settings(found)]


def _distances(found: Evaluation, what: str, comparison: Comparison) -> Table:
    real, each = f"{found.settings['images']['training']:,}", f"{comparison.each:,}"
    columns = (f"all\nagainst\n{real} real", f"{each}\nagainst\n{each} real", f"floor: {each}\nreal against\n{each} others")
    table = _table(f"{what}; real: training images", *columns)
    for measure, value in comparison.value.items():
        times = 1000 if measure == "kernel_distance" else 1
        drawn = [_with(times * which[measure].mean, times * which[measure].spread) for which in (comparison.halves, comparison.floor)]
        table.add_row(_label(measure, found.extractor), f"{times * value:.4g}", *drawn)
    table.caption = f"±: {found.settings['spread']}, {found.settings['resamplings']} of them"
    return table


def _errors(found: Evaluation) -> Table:
    table = _table(f"{len(found.held_out):,} held-out images and their reconstructions", "mean ± standard error")
    for name, label in PAIRS.items():
        if name in found.errors:
            values = found.errors[name]
            table.add_row(label, _with(float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(values))))
        elif name == "lpips":
            table.add_row(label, f"not there: {lpips_way_out()}")
    return table


def _codes(codes: Carried, images: int) -> Table:
    nats = codes.nats
    table = _table(f"codes of {images:,} held-out images", "")
    table.add_row("KL to the prior, nats", f"{nats.sum():.4g}")
    table.add_row("most and least of a dimension", f"{nats.max():.3g}, {nats.min():.3g}")
    table.add_row("active units", f"{codes.active} of {len(nats)}")
    return table


def _copies(found: Evaluation) -> Table:
    z, p = copying_test(found.copying)
    searched = min(found.settings["images"]["training"], found.settings["images_kept"])
    table = _table(f"copies: distance to the nearest of {searched:,} training images ({found.extractor})", "")
    table.add_row("median of samples", f"{np.median(found.copying.samples):.4g}")
    table.add_row("median of held-out images", f"{np.median(found.copying.held_out):.4g}")
    table.add_row("samples nearer than the latter", f"{found.copying.share:.1%} (50% if samples were new real images)")
    table.add_row("nearer than held-out images?", f"z {z:.1f}, p {p:.2g}: {verdict(p)}")
    return table


def _settings(found: Evaluation) -> Table:
    settings = found.settings
    prepared = settings["preparation"]
    height, width = prepared["size"]
    table = _table("what these numbers depend on", "")
    table.add_row("extractor", f"{found.extractor}, images {settings['extractor_resize']}")
    table.add_row("sha256 of its weights", settings["extractor_weights_sha256"])
    table.add_row("images", f"{height}x{width}, crop {prepared['crop']}, resampling {prepared['resampling']}")
    table.add_row("split", "{training:,} training, {held_out:,} held out".format(**settings["split"]))
    table.add_row("MS-SSIM", "window {window}, {scales} scales".format(**settings["ms_ssim"]))
    table.add_row("seed", str(settings["seed"]))
    return table


def _table(title: str, *columns: str) -> Table:
    """A table without lines: a column of names, and columns of numbers."""
    table = Table(box=None, pad_edge=False, title=Text(title, "bold"), title_justify="left", caption_justify="left", header_style="dim")
    table.show_header = any(columns)
    table.add_column("", min_width=len("1000 x kernel distance"), max_width=len("Frechet distance (MobileNetV2)"))
    for column in columns:
        table.add_column(column, justify="right" if column else "left", no_wrap=bool(column), overflow="fold")
    return table


def _label(measure: str, extractor: str) -> str:
    """A measure's name with its extractor's: of another network than Inception, no distance is FID."""
    if measure == "frechet_distance":
        return "FID" if extractor == "Inception" else f"Frechet distance ({extractor})"
    return f"1000 x kernel distance ({extractor})" if measure == "kernel_distance" else measure


def _with(value: float, spread: float) -> str:
    """A number and how far it may be off, of which two digits say enough."""
    if not (math.isfinite(value) and 0 < spread < math.inf):
        return f"{value:.4g} ± {spread:.2g}"
    places = min(max(0, 1 - math.floor(math.log10(spread))), 4)
    return f"{value:.{places}f} ± {spread:.{places}f}"
