"""Which picture has which edits, and what Undo brings back."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ..browser import MARKS, Browser
from .person import Studio, off

pytestmark = MARKS
Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
ActionChains = pytest.importorskip("selenium.webdriver").ActionChains
SLIDER = "#principal input"


@pytest.fixture
def studio(browser: Browser, page: Path) -> Studio:
    studio = Studio(browser, page)
    studio.unfold()
    return studio


def with_control(studio: Studio, *keys: str) -> None:
    chain = ActionChains(studio.browser.driver)
    for key in (Keys.CONTROL, *keys[:-1]):
        chain.key_down(key)
    chain.send_keys(keys[-1])
    for key in (Keys.CONTROL, *keys[:-1]):
        chain.key_up(key)
    chain.perform()


def test_each_picture_begins_without_edits(studio: Studio, photo: Path) -> None:
    for press in (
        lambda: studio.find("#new").click(),
        lambda: studio.find("#file").send_keys(str(photo)),
        lambda: studio.find("#tray button:nth-child(2)").click(),
    ):
        studio.slide(SLIDER, Keys.END)
        assert studio.status().endswith(", edited")
        assert studio.find(".tag.after").text == "edited"
        studio.after(press)
        assert studio.value(SLIDER) == 0
        assert not studio.status().endswith(", edited")
        assert not studio.find("#reset").is_enabled()


def test_a_photo_is_seen_although_a_slider_was_moved(studio: Studio, photo: Path) -> None:
    studio.slide(SLIDER, Keys.END)
    studio.after(lambda: studio.find("#file").send_keys(str(photo)))
    studio.browser.until("return !document.getElementById('adjust').hidden")
    height, width, _ = studio.shown("frame").shape
    assert studio.shown("frame")[height // 2, width // 2, 0] > 200  # its red middle
    studio.find("#fitted").click()
    assert studio.value("#wipe") == 50
    assert [studio.find(f".tag.{name}").text for name in ("before", "after")] == ["original", "by the model"]


def test_an_edited_photo_is_compared_with_the_model_s_picture_too(studio: Studio) -> None:
    original, model = studio.shown("before"), studio.shown()
    assert not studio.find("#left").is_enabled()
    studio.slide(SLIDER, Keys.END)
    ActionChains(studio.browser.driver).move_to_element(studio.find("#picture")).click().perform()
    assert off(studio.shown("before"), original).max() == 0
    studio.find("#left").click()
    studio.browser.until("return document.getElementById('left').textContent === 'not edited'")
    time.sleep(0.3)
    assert off(studio.shown("before"), model).max() == 0
    assert studio.value("#wipe") == pytest.approx(50, abs=2)
    studio.slide(SLIDER, 30 * Keys.ARROW_LEFT)
    assert studio.value(SLIDER) == 0
    time.sleep(0.3)
    assert off(studio.shown("before"), original).max() == 0
    assert studio.find("#left").text == "original"


def test_a_slow_picture_does_not_replace_the_photo(studio: Studio) -> None:
    original = studio.shown("before")
    studio.slide(SLIDER, Keys.END)
    studio.browser.run("for (let press = 0; press < 2; press++) document.getElementById('left').click()")
    time.sleep(0.6)
    assert studio.find("#left").get_attribute("textContent") == "original"
    assert off(studio.shown("before"), original).max() == 0


def test_the_keyboard_undoes_and_redoes_one_slider_at_once(studio: Studio) -> None:
    studio.browser.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", studio.find(SLIDER))
    studio.find(SLIDER).send_keys(18 * Keys.ARROW_RIGHT)
    time.sleep(0.5)
    moved, picture = studio.value(SLIDER), studio.shown()
    assert moved == pytest.approx(1.8)
    studio.after(lambda: with_control(studio, "z"))
    assert studio.value(SLIDER) == 0
    assert not studio.find("#undo").is_enabled()
    studio.after(lambda: with_control(studio, Keys.SHIFT, "z"))
    assert studio.value(SLIDER) == moved
    studio.press("#undo")
    studio.press("#redo")
    assert off(studio.shown(), picture).max() == 0
    assert not studio.find("#redo").is_displayed()


def test_what_changes_nothing_is_no_step(studio: Studio) -> None:
    studio.press("#tray button:nth-child(2)")
    for _ in range(2):
        studio.press("#tray button:nth-child(2)")
    studio.press("#undo")
    assert not studio.find("#undo").is_enabled()


def test_the_point_is_where_the_picture_is(studio: Studio) -> None:
    first, pad = studio.shown(), studio.find("#pad")
    studio.find("#tab-mix").click()
    assert pad.get_attribute("aria-valuetext") == "0% to the right, 0% down"  # where the picture of the page is
    studio.press("#tray button:nth-child(3)")
    assert not studio.find("#point").is_displayed()
    studio.find(".corner-1 .put").click()
    assert pad.get_attribute("aria-valuetext") == "100% to the right, 0% down"
    studio.after(lambda: ActionChains(studio.browser.driver).move_to_element(pad).click().perform())
    assert studio.status() == "A mixture"
    middle, place = studio.shown(), pad.get_attribute("aria-valuetext")
    corner = studio.shown_in(".corner-1 canvas")
    time.sleep(1.6)
    studio.find(".corner-1 .put").click()
    assert off(studio.shown_in(".corner-1 canvas"), corner).max() > 0
    studio.press("#undo")
    assert off(studio.shown_in(".corner-1 canvas"), corner).max() == 0
    assert pad.get_attribute("aria-valuetext") == place
    assert off(studio.shown(), middle).max() == 0
    studio.press("#undo")
    assert pad.get_attribute("aria-valuetext") == "100% to the right, 0% down"
    for _ in range(2):
        studio.press("#undo")
    assert off(studio.shown(), first).max() == 0
    assert pad.get_attribute("aria-valuetext") == "0% to the right, 0% down"


def test_a_corner_is_gone_to_and_stays(studio: Studio) -> None:
    studio.find("#tab-mix").click()
    corner = studio.shown_in(".corner-1 canvas")
    studio.browser.run("state.corners[1].conditions = [7]")
    studio.press(".corner-1 .go")
    assert studio.browser.run("return state.base.conditions") == [7]  # those of that corner
    assert studio.find("#pad").get_attribute("aria-valuetext") == "100% to the right, 0% down"
    assert studio.status() == "A mixture"
    assert off(studio.shown_in(".corner-1 canvas"), corner).max() == 0
    studio.press("#undo")
    assert studio.find("#pad").get_attribute("aria-valuetext") == "0% to the right, 0% down"


def test_the_buttons_of_a_corner_are_named_by_what_they_do(studio: Studio) -> None:
    studio.find("#tab-mix").click()
    assert studio.find(".corner-0 .put").get_attribute("aria-label") == "Put here: top left"
    assert studio.find(".corner-3 .go").get_attribute("aria-label") == "Bottom right: go to this picture"
    studio.browser.run("state.corners.pop(); showMix()")
    assert studio.find(".corner-3 .go").get_attribute("aria-label") == "Bottom right: put the picture that is shown here"


def test_a_walk_is_stopped_everywhere(studio: Studio) -> None:
    assert not studio.find("#stop").is_displayed()
    for stop in ("#stop", Keys.ESCAPE, SLIDER):
        studio.find("#tab-walk").click()
        studio.press("#play")
        studio.browser.until("return !document.getElementById('stop').hidden")
        assert studio.status() == "Walking from picture to picture"
        assert not studio.browser.visible("#tray button[aria-pressed=true], .tag")
        studio.find("#tab-edit").click()
        time.sleep(0.3)
        if stop == SLIDER:
            studio.slide(SLIDER, Keys.END)
        elif stop == Keys.ESCAPE:
            studio.find("#tab-edit").send_keys(stop)
        else:
            studio.find(stop).click()
        assert not studio.find("#stop").is_displayed()
        assert studio.status() == ("From the walk, edited" if stop == SLIDER else "From the walk")


def test_a_walk_goes_round_the_pictures_of_the_mix(studio: Studio) -> None:
    studio.find("#tab-mix").click()
    corners = []
    for number in range(4):
        studio.press("#new")
        studio.find(f".corner-{number} .put").click()
        corners.append(studio.shown())
    studio.find("#tab-walk").click()
    studio.find("#to").send_keys("the pictures")
    studio.find("#pace").send_keys(Keys.HOME)
    studio.browser.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
    studio.find("#play").click()
    shown, until = [], time.time() + 4
    while time.time() < until:
        shown.append(studio.shown())
        time.sleep(0.1)
    studio.find("#stop").click()
    studio.browser.command("Emulation.setEmulatedMedia", features=[])
    near = [min(off(picture, corner).mean() for picture in shown) for corner in corners]
    assert sum(distance < 1 for distance in near) >= 3


def test_mixtures_and_stops_get_a_place_in_the_strip(studio: Studio) -> None:
    studio.find("#tab-mix").click()
    pad = studio.find("#pad")
    studio.after(lambda: ActionChains(studio.browser.driver).move_to_element(pad).click().perform())
    mixture = studio.shown()
    studio.press("#tray button:nth-child(2)")
    assert studio.find("#tray button:nth-child(1)").get_attribute("aria-label") == "A mixture"
    assert off(studio.shown_in("#tray button:nth-child(1) canvas"), mixture).max() == 0
    studio.press("#tray button:nth-child(1)")
    assert off(studio.shown(), mixture).max() == 0
