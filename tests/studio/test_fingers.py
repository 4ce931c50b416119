"""Fingers and the wheel: what scrolls the page changes nothing, and what frames a photo is seen."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from ..browser import MARKS, Browser
from .person import Studio

pytestmark = MARKS
Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
SLIDER = "#principal input"


@pytest.fixture
def phone(browser: Browser, page: Path) -> Studio:
    studio = Studio(browser, page, width=390, touch=True)
    studio.unfold()
    browser.driver.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", studio.find("#principal .slider"))
    return studio


def test_a_finger_that_scrolls_moves_no_slider(browser: Browser, phone: Studio) -> None:
    (x, y), before = phone.middle(phone.find(SLIDER)), browser.run("return scrollY")
    phone.fingers([(x + 90, y - 20 * number)] for number in range(8))
    browser.until(f"return scrollY > {before + 50}")
    time.sleep(0.2)
    assert browser.run("return [...document.querySelectorAll('.slider input')].every((input) => Number(input.value) === 0)")
    assert not phone.find("#undo").is_enabled()


def test_a_finger_that_goes_sideways_moves_the_slider(browser: Browser, phone: Studio) -> None:
    before = browser.run("return scrollY")
    phone.after(lambda: phone.drag(phone.find("#principal .slider"), 90, 10, touch=True))
    assert 0.5 < phone.value(SLIDER) < 3
    assert browser.run("return scrollY") == before
    assert phone.status().endswith(", edited")
    phone.press("#undo")
    assert phone.value(SLIDER) == 0
    phone.find("#tab-keep").click()
    phone.drag(phone.find("#scale").find_element("xpath", ".."), -100, touch=True)
    assert phone.value("#scale") < 32


def test_a_finger_that_scrolls_from_the_picture_leaves_the_line(browser: Browser, page: Path) -> None:
    studio = Studio(browser, page, width=390, touch=True)
    x, y = studio.middle(studio.find("#picture"))
    studio.fingers([(x + 80, y - 20 * number)] for number in range(7))
    browser.until("return scrollY > 40")
    assert studio.value("#wipe") == 50
    studio.drag(studio.find("#picture"), 80, 10, touch=True)
    assert studio.value("#wipe") > 60


def test_the_whole_photo_is_seen_and_two_fingers_zoom_it(browser: Browser, page: Path, photo: Path) -> None:
    studio = Studio(browser, page, width=390, touch=True)
    studio.after(lambda: studio.find("#file").send_keys(str(photo)))
    browser.until("return !document.getElementById('adjust').hidden")
    framed = studio.shown("frame")
    height, width, _ = framed.shape
    left, middle, right = (framed[height // 2, int(part * width)] for part in (0.05, 0.5, 0.95))
    assert middle[0] > 200  # red
    assert left.max() < 40  # what is outside of the frame is dim: black
    assert 40 < right[2] < 150  # and blue
    x, y = studio.middle(studio.find("#picture"))
    studio.after(lambda: studio.fingers([(x - 20 - 5 * number, y), (x + 20 + 5 * number, y)] for number in range(9)))
    assert 45 < studio.value("#zoom") < 65  # three times as large
    browser.command("Emulation.setTouchEmulationEnabled", enabled=False)
    zoomed = studio.value("#zoom")
    browser.command("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=200)
    browser.until(f"return Number(document.getElementById('zoom').value) < {zoomed}")
    assert browser.run("return scrollY") == 0


def test_a_photo_is_framed_by_keys_and_escape_brings_its_frame_back(browser: Browser, page: Path, photo: Path) -> None:
    studio = Studio(browser, page)
    studio.after(lambda: studio.find("#file").send_keys(str(photo)))
    browser.until("return !document.getElementById('adjust').hidden")
    before = studio.shown("before").mean((0, 1))
    frame = browser.driver.switch_to.active_element
    assert frame.get_attribute("id") == "frame"
    studio.after(lambda: frame.send_keys(20 * Keys.ARROW_LEFT))  # what is to the right comes in: blue
    assert studio.shown("before").mean((0, 1))[2] > before[2] + 50
    studio.after(lambda: frame.send_keys("+++"))
    assert studio.value("#zoom") > 10
    studio.after(lambda: frame.send_keys(Keys.ESCAPE))
    assert not studio.find("#adjust").is_displayed()
    np.testing.assert_array_equal(studio.shown("before").mean((0, 1)), before)
    assert browser.driver.switch_to.active_element.get_attribute("id") == "crop"


def test_a_photo_is_framed_again_and_undo_goes_through_what_was_done(browser: Browser, page: Path, photo: Path) -> None:
    studio = Studio(browser, page)
    studio.after(lambda: studio.find("#file").send_keys(str(photo)))
    browser.until("return !document.getElementById('adjust').hidden")
    count = len(browser.visible("#tray button"))
    colours = [studio.shown("before").mean((0, 1))]
    assert not studio.find("#crop").is_displayed()
    studio.find("#fitted").click()
    studio.press("#tray button:nth-child(3)")
    studio.press("#tray button:nth-child(1)")
    assert studio.status() == "photo.jpg"
    studio.find("#crop").click()
    studio.after(lambda: studio.drag(studio.find("#picture"), -200, touch=False))
    colours.append(studio.shown("before").mean((0, 1)))
    assert colours[1][2] > colours[0][2] + 50  # more blue
    time.sleep(1.6)  # a pause ends a step
    studio.slide("#zoom", "\ue010")  # End
    assert studio.value("#zoom") == 100
    studio.press("#undo")
    assert studio.value("#zoom") == 0
    np.testing.assert_array_equal(studio.shown("before").mean((0, 1)), colours[1])
    assert studio.find("#adjust").is_displayed()
    studio.press("#undo")
    np.testing.assert_array_equal(studio.shown("before").mean((0, 1)), colours[0])
    studio.press("#tray button:nth-child(2)")
    studio.after(lambda: studio.find("#file").send_keys(str(photo)))
    browser.until("return !document.getElementById('adjust').hidden")
    assert len(browser.visible("#tray button")) == count
