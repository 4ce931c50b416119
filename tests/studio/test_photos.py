"""Photos in the page: large ones, and what a person does while one is being read."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from vaegan import Run
from vaegan.data.batches import to_tensor
from vaegan.viz.grid import to_uint8

from ..browser import MARKS, Browser
from .person import Studio, off

pytestmark = MARKS
Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
MOST = 0.2
"""Seconds of processor that the page itself may take for it, all tasks together: other work of this machine does not count."""


def seconds_of_tasks(browser: Browser) -> float:
    """How much processor the page has taken, beside its worker."""
    (found,) = (one["value"] for one in browser.command("Performance.getMetrics")["metrics"] if one["name"] == "TaskDuration")
    return float(found)


def test_a_photo_of_50_megapixels_does_not_freeze_the_page(browser: Browser, page: Path, run: Run, tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    small = Image.fromarray(colours).resize((866, 577), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(8))
    small.resize((8660, 5773)).save(tmp_path / "large.jpg", quality=90)
    browser.command("Performance.enable", timeDomain="threadTicks")
    studio = Studio(browser, page)
    before = seconds_of_tasks(browser)
    studio.find("#file").send_keys(str(tmp_path / "large.jpg"))
    while browser.run("return document.getElementById('status').textContent") != "large.jpg":
        time.sleep(1)  # each look is a task, too
    taken = seconds_of_tasks(browser) - before
    print(f"the page took {1000 * taken:.0f} ms for a photo of 50 megapixels")
    assert taken < MOST
    time.sleep(0.5)
    cut = small.crop((145, 0, 722, 577)).resize((32, 32), Image.Resampling.LANCZOS)
    assert off(studio.shown("before"), np.asarray(cut)).mean() < 4
    with torch.no_grad():
        again = to_uint8(run.model().reconstruct(to_tensor(studio.shown("before")[None])))[0]
    assert off(studio.shown(), again).max() <= 3


@pytest.mark.parametrize("button", ["#new", "#tray button:nth-child(3)"])
def test_another_picture_that_is_chosen_meanwhile_stays(browser: Browser, page: Path, photo: Path, button: str) -> None:
    """And the next photo is shown, as if nothing had been."""
    studio = Studio(browser, page)
    browser.run(f"""
      const read = pictureOf;
      window.pictureOf = async (...given) => {{
        window.pictureOf = read;
        const label = document.getElementById("status").textContent;
        document.querySelector("{button}").click();
        while (document.getElementById("status").textContent === label) await new Promise(requestAnimationFrame);
        return read(...given);
      }};
    """)
    studio.after(lambda: studio.find("#file").send_keys(str(photo)))
    time.sleep(0.5)
    assert studio.status().startswith("Sample" if button == "#new" else "Example")
    assert not studio.find("#adjust").is_displayed()
    studio.after(lambda: studio.find("#file").send_keys(str(photo)))
    browser.until("return document.getElementById('status').textContent === 'photo.jpg'")
    assert studio.find("#adjust").is_displayed()
    studio.press("#undo")
    assert not studio.find("#adjust").is_displayed()


@pytest.mark.parametrize("still", [True, False])
def test_escape_cancels_a_frame(browser: Browser, page: Path, photo: Path, still: bool) -> None:
    """Also while the model still encodes it; and it leaves no step that changes nothing."""
    studio = Studio(browser, page)
    studio.after(lambda: studio.find("#file").send_keys(str(photo)))
    browser.until("return !document.getElementById('adjust').hidden")
    first, steps = studio.shown("before"), browser.run("return steps.length")
    browser.run(
        """
      const read = pictureOf;
      window.pictureOf = async (...given) => {
        window.pictureOf = read;
        await new Promise((resolve) => setTimeout(resolve, arguments[0]));
        return read(...given);
      };
    """.replace("arguments[0]", "600" if still else "0")
    )
    browser.run("moveFrame(-0.5, 0, 1); takeFrame()")
    if not still:
        browser.until(f"return steps.length > {steps}")
    studio.find("#frame").send_keys(Keys.ESCAPE)
    time.sleep(1.2)
    assert off(studio.shown("before"), first).max() == 0
    assert browser.run("return steps.length") == steps
    assert not studio.find("#adjust").is_displayed()


def test_undo_from_the_frame_to_another_picture_keeps_the_focus(browser: Browser, page: Path, photo: Path) -> None:
    studio = Studio(browser, page)
    studio.after(lambda: studio.find("#file").send_keys(str(photo)))
    browser.until("return document.activeElement.id === 'frame'")
    studio.after(lambda: studio.find("#frame").send_keys(Keys.CONTROL, "z"))
    assert browser.run("return document.activeElement === state.base.button")


def test_the_tag_under_the_frame_is_off(browser: Browser, page: Path, photo: Path) -> None:
    studio = Studio(browser, page)
    studio.unfold()
    studio.after(lambda: studio.find("#file").send_keys(str(photo)))
    studio.slide("#principal input", Keys.END)
    assert studio.find("#left").is_enabled()
    studio.find("#crop").click()
    assert not studio.find("#left").is_enabled()
    studio.find("#fitted").click()
    assert studio.find("#left").is_enabled()


def test_a_long_name_of_a_photo_is_cut(browser: Browser, page: Path, photo: Path) -> None:
    studio = Studio(browser, page, width=320, touch=True)
    renamed = photo.rename(photo.with_name("a photo of our holidays by the sea in summer.jpg"))
    studio.after(lambda: studio.find("#file").send_keys(str(renamed)))
    browser.until("return document.getElementById('status').textContent === 'a photo of our hol…summer.jpg'")


def test_a_photo_that_fails_does_not_make_the_page_deaf(browser: Browser, page: Path, photo: Path) -> None:
    studio = Studio(browser, page)
    browser.run("const read = pixelsOf; window.pixelsOf = () => { window.pixelsOf = read; return null; };")
    studio.find("#file").send_keys(str(photo))
    browser.until("return document.getElementById('message').classList.contains('error')")
    assert studio.said().startswith("The model has failed: TypeError")
    studio.after(lambda: studio.find("#file").send_keys(str(photo)))
    browser.until("return document.getElementById('status').textContent === 'photo.jpg'")
