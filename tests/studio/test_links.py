"""Links: what a person copies, what stands around it in a mail, and where it is pasted."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ..browser import MARKS, Browser
from .person import Studio, off

pytestmark = MARKS
Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
LINK = "run.html#seed=5&principal.0=1.5"
PASTE = """
const data = new DataTransfer();
data.setData("text", arguments[0]);
document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
"""


@pytest.fixture
def studio(browser: Browser, page: Path) -> Studio:
    studio = Studio(browser, page)
    studio.find("#tab-keep").click()
    return studio


@pytest.mark.parametrize("text", [f"{LINK}.", f'look: "{LINK}", nice, eh?', f"({LINK.replace('&', '&amp;')})"])
def test_text_around_a_link_does_not_count(studio: Studio, text: str) -> None:
    studio.find("#pasted").send_keys(text)
    studio.after(lambda: studio.find("#given button").click())
    assert studio.status() == "Sample 5, edited"
    assert studio.value("#principal input") == 1.5
    assert studio.said() == ""


@pytest.mark.parametrize("part", ["principal.0=1.5nice", "Unknown_Name=1", "principal.99=1"])
def test_what_cannot_be_read_of_a_link_is_named(studio: Studio, part: str) -> None:
    studio.find("#pasted").send_keys(f"#seed=5&{part}")
    studio.after(lambda: studio.find("#given button").click())
    time.sleep(0.2)
    assert studio.said() == f"The page cannot read this part of the link: {part.partition('=')[0]}."
    assert studio.status() == "Sample 5"


def test_a_link_is_pasted_anywhere_and_its_thumbnail_has_its_edits(studio: Studio, browser: Browser) -> None:
    studio.after(lambda: browser.driver.execute_script(PASTE, f"see {LINK}"))
    assert studio.status() == "Sample 5, edited"
    picture = studio.shown()
    assert off(studio.shown_in("#tray button:nth-child(1) canvas"), picture).max() == 0
    studio.press("#tray button:nth-child(2)")
    studio.press("#tray button:nth-child(1)")
    assert off(studio.shown(), picture).max() == 0


def test_a_link_in_the_address_gets_a_thumbnail(browser: Browser, page: Path) -> None:
    studio = Studio(browser, page, fragment="#seed=5&principal.0=1.5")
    assert off(studio.shown_in("#tray button:nth-child(1) canvas"), studio.shown()).max() == 0
    assert studio.find("#tray button:nth-child(1)").get_attribute("aria-pressed") == "true"


def test_a_copied_text_names_the_page_and_says_what_to_do(studio: Studio, browser: Browser, page: Path) -> None:
    browser.run("window.texts = []; navigator.clipboard.writeText = async (text) => { texts.push(text); };")
    studio.find("#link").click()
    browser.until("return texts.length")
    text = browser.run("return texts[0]")
    assert text.startswith(f"Open {page.name}, choose Save, and paste this text there: {page.name}#example=")
    time.sleep(0.1)
    assert studio.said() == f"The text is copied. Send it to a friend, with the file {page.name}."
    name = studio.status()
    studio.press("#new")
    studio.find("#pasted").send_keys(text)
    studio.after(lambda: studio.find("#given button").click())
    assert studio.status() == name
