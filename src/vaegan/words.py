"""Values and commands as people read them."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import unicodedata
from collections.abc import Iterable


def plain(value: object, *, between: str = " ", yes: str = "True", no: str = "False") -> str:
    """A setting in words.

    Args:
        value: a number, a name, a truth, or a list or tuple of these.
        between: what is put between the items of a list.
        yes: what is said for true.
        no: what is said for false.
    """
    if isinstance(value, bool):
        return yes if value else no
    if isinstance(value, (list, tuple)):
        return between.join(plain(item, between=between, yes=yes, no=no) for item in value)
    return str(value)


def fixed(value: float, decimals: int, most: int, form: str = "") -> str:
    """A number with `decimals` after the point, at most `most`; one that is too small for these as a power of ten, as in 1.2e-09.

    Args:
        value: the number.
        decimals: how many digits after the point are worth reading.
        most: how many there may be.
        form: what goes before these in a format, such as "+" for a sign, or "," for thousands.
    """
    if 0 < abs(value) < 10.0 ** (1 - most):
        return f"{value:{form}.2g}"
    return f"{value:{form}.{min(max(0, decimals), most)}f}"


def command(*words: object) -> str:
    """A command of this package that can be pasted into a shell: paths with spaces are quoted."""
    return quoted("vaegan", *words)


def quoted(*words: object) -> str:
    """Words of a command line, quoted as the shell of this machine takes them: sh, or cmd.exe on Windows."""
    together = subprocess.list2cmdline if sys.platform == "win32" else shlex.join
    return together([str(word) for word in words])


def composed(name: str) -> str:
    """A name in NFC: a letter such as ä is one character there, and in the names of files it is often two."""
    return unicodedata.normalize("NFC", name)


def spelt_as(known: Iterable[str], name: str) -> str:
    """The known name that is the same in NFC; the name itself if it is known, or if there is no such one."""
    same = [one for one in known if composed(one) == composed(name)]
    return name if name in same or not same else same[0]


METRICS = {
    "frechet_distance": "Frechet distance",
    "kernel_distance": "1000 x KID",
    "fid": "FID",
    "ms_ssim": "MS-SSIM",
    **{name: name.upper() for name in ("kl", "lpips", "psnr", "ssim")},
}
"""Parts of names in metrics.jsonl, as papers have them."""


def metric(name: str) -> str:
    """The name of a number in metrics.jsonl, in words: samples_fid is "samples: FID"."""
    found = re.match(r"(?:(standard_prior)_)?(?:(samples|reconstructions)_)?", name)
    assert found, "it matches the empty string, too"
    of = ", ".join(part.replace("_", " ") for part in found.groups() if part)
    measure = name[found.end() :]
    known = next((part for part in METRICS if f"{measure}_".startswith(f"{part}_")), "")
    words = f"{METRICS.get(known, '')}{measure.removeprefix(known)}".replace("_", " ")
    return f"{of}: {words}" if of else words


def in_unit(name: str, value: float) -> float:
    """A number of metrics.jsonl as it is shown under the words of `metric`: kernel distances (KID) times 1,000."""
    return 1000 * value if "kernel_distance" in name else value


def counted(number: int, noun: str, one: str = "has", many: str = "have") -> str:
    """A number of things with its verb: 1 image has, 3,000 images have."""
    return f"{number:,} {noun} {one}" if number == 1 else f"{number:,} {noun}s {many}"


def in_bytes(count: float) -> str:
    """A number of bytes in words: 1.2 GB, 84 MB, 3 kB."""
    return f"{count / 1e9:,.1f} GB" if count >= 0.9995e9 else f"{count / 1e6:,.0f} MB" if count >= 0.9995e6 else f"{count / 1e3:,.0f} kB"


def duration(seconds: float) -> str:
    """A time as people say it."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
