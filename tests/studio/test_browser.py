"""Studio in a browser: all that a person can do there, by mouse, by touch and by keyboard."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from vaegan import Run
from vaegan.data.batches import to_tensor
from vaegan.latent.directions import Directions
from vaegan.viz.grid import to_uint8

from ..browser import CONTRASTS, MARKS, Browser
from .person import Studio, in_sight, off

pytestmark = MARKS
Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
ActionChains = pytest.importorskip("selenium.webdriver").ActionChains


def test_nothing_is_asked_for_and_nothing_complains(browser: Browser, page: Path) -> None:
    browser.command("Network.enable")
    browser.command("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
    Studio(browser, page)
    asked = browser.requested()
    assert page.as_uri() in asked
    assert [url for url in asked if not url.startswith(("data:", "blob:")) and url != page.as_uri()] == []
    assert browser.driver.get_log("browser") == []


def test_pictures_are_those_of_the_package(browser: Browser, page: Path, run: Run) -> None:
    studio, model = Studio(browser, page, fragment="#seed=7"), run.model()
    assert studio.status() == "Sample 7"
    with torch.no_grad():
        assert off(studio.shown(), to_uint8(model.sample(1, 7))[0]).max() <= 3
    images = run.images()
    studio = Studio(browser, page, fragment="#example=2")
    number = images.names.index(studio.status().removeprefix("Example "))
    assert number in run.split(images)[1][:]
    original = images.images[np.array([number])]
    assert off(studio.shown("before"), original[0]).max() == 0
    with torch.no_grad():
        code = model.encode(to_tensor(original)).mean
        assert off(studio.shown(), to_uint8(model.decode(code))[0]).max() <= 3
        name = studio.find("#attributes input, #weak input").get_attribute("aria-label").replace(" ", "_")
        browser.run("for (const folded of document.querySelectorAll('details')) folded.open = true")
        studio.slide("#attributes input, #weak input", Keys.END)
        wanted = to_uint8(model.decode(Directions.load(run.attributes_file).edit(code, {name: 2.0})))[0]
        assert off(studio.shown(), wanted).max() <= 3


def test_sliders_undo_and_reset_by_keyboard(browser: Browser, page: Path) -> None:
    studio = Studio(browser, page, fragment="#seed=3")
    browser.run("for (const folded of document.querySelectorAll('details')) folded.open = true")
    first = studio.shown()
    assert not studio.find("#undo").is_enabled()
    pictures = [first]
    for part in ("#principal input", "#dimensions div input"):
        studio.slide(part, Keys.END)
        pictures.append(studio.shown())
        assert off(pictures[-1], pictures[-2]).max() > 0
    assert "principal.0=3" in browser.run("return location.hash")
    studio.press("#undo")
    assert off(studio.shown(), pictures[1]).max() == 0
    studio.press("#reset")
    assert off(studio.shown(), first).max() == 0
    assert not studio.find("#reset").is_enabled()
    for _ in range(2):
        studio.press("#undo")
    assert off(studio.shown(), first).max() == 0


def test_a_link_gives_the_same_picture(browser: Browser, page: Path) -> None:
    studio = Studio(browser, page, fragment="#seed=12")
    browser.run("for (const folded of document.querySelectorAll('details')) folded.open = true")
    studio.slide("#principal input", Keys.HOME)
    picture, link = studio.shown(), browser.run("return location.hash")
    assert off(Studio(browser, page, fragment=link).shown(), picture).max() == 0
    assert Studio(browser, page, fragment="#seed=<b>&principal.99=1&x").status().startswith("Example")


def test_a_link_has_the_code_of_what_is_no_sample(browser: Browser, page: Path, photo: Path) -> None:
    studio = Studio(browser, page)
    studio.after(lambda: studio.find("#file").send_keys(str(photo)))
    browser.until("return location.hash.startsWith('#code=')")
    time.sleep(0.3)
    picture, link = studio.shown(), browser.run("return location.hash")
    assert off(Studio(browser, page, fragment=link).shown(), picture).max() <= 1
    assert Studio(browser, page, fragment="#code=AAAA").status().startswith("Example")


def test_new_samples(browser: Browser, page: Path) -> None:
    studio = Studio(browser, page)
    assert not studio.find("#undo").is_enabled()
    count = len(browser.visible("#tray button"))
    studio.press("#new")
    browser.until(f"return document.querySelectorAll('#tray button').length === {count + 1}")
    assert studio.status().startswith("Sample ")
    assert browser.run("return document.querySelector('#tray button').getAttribute('aria-pressed')") == "true"


@pytest.mark.parametrize("touch", [False, True])
def test_a_photo_is_cut_moved_zoomed_and_edited(browser: Browser, page: Path, run: Run, photo: Path, touch: bool) -> None:
    studio = Studio(browser, page, width=360 if touch else 1400, touch=touch)
    studio.after(lambda: studio.find("#file").send_keys(str(photo)))
    browser.until("return document.getElementById('status').textContent === 'photo.jpg'")
    middle = studio.shown("before").reshape(-1, 3).mean(0)
    assert middle[0] > 200  # the middle third is red
    assert middle[2] < 40
    picture = studio.find("#picture")
    for _ in range(6):
        studio.drag(picture, -100, touch=touch)
    browser.until("return !document.getElementById('adjust').hidden")
    time.sleep(0.5)
    assert studio.shown("before").reshape(-1, 3).mean(0)[2] > 200  # and the right one blue
    studio.slide("#zoom", Keys.END)
    studio.find("#fitted").click()
    assert not studio.find("#adjust").is_displayed()
    with torch.no_grad():
        model = run.model()
        again = to_uint8(model.reconstruct(to_tensor(studio.shown("before")[None])))[0]
    assert off(studio.shown(), again).max() <= 3


@pytest.mark.parametrize(
    ("name", "content"), [("notes.txt", b"hello"), ("broken.png", b"\x89PNG\r\n\x1a\n123"), ("phone.heic", b"\0\0\0 ftypheic")]
)
def test_a_file_that_is_no_picture_changes_nothing(browser: Browser, page: Path, tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    studio = Studio(browser, page)
    picture = studio.shown()
    studio.find("#file").send_keys(str(tmp_path / name))
    browser.until("return document.getElementById('message').classList.contains('error')")
    assert name in studio.said()
    assert ("Safari" in studio.said()) == name.endswith("heic")
    assert off(studio.shown(), picture).max() == 0


def test_mixing_by_mouse_and_keyboard(browser: Browser, page: Path) -> None:
    studio = Studio(browser, page)
    studio.find("#tab-mix").click()
    studio.after(lambda: studio.find("#pad").send_keys(Keys.ARROW_LEFT))  # there are pictures at the corners from the start
    assert studio.status() == "A mixture"
    pictures = []
    for corner, number in ((0, 1), (3, 2)):
        studio.press(f"#tray button:nth-child({number})")
        pictures.append(studio.shown())
        studio.find(f".corner-{corner} .put").click()
    pad = studio.find("#pad")
    half = pad.size["width"] // 2 - 3
    studio.after(lambda: ActionChains(browser.driver).move_to_element_with_offset(pad, half, half).click().perform())
    assert off(studio.shown(), pictures[1]).mean() < 3
    studio.after(
        lambda: ActionChains(browser.driver).move_to_element(pad).click_and_hold().move_by_offset(-half, -half).release().perform()
    )
    assert off(studio.shown(), pictures[0]).mean() < 3
    for _ in range(4):
        studio.after(lambda: pad.send_keys(Keys.ARROW_RIGHT))
    assert "% to the right" in pad.get_attribute("aria-valuetext")
    assert studio.status() == "A mixture"


def test_walking(browser: Browser, page: Path) -> None:
    studio = Studio(browser, page)
    studio.find("#tab-walk").click()
    first = studio.shown()
    studio.find("#play").click()
    browser.until("return Number(document.body.dataset.shown) > 10")
    studio.find("#play").click()
    time.sleep(0.3)
    stopped = studio.shown()
    assert off(stopped, first).max() > 0
    time.sleep(0.3)
    assert off(studio.shown(), stopped).max() == 0


def test_before_and_after(browser: Browser, page: Path) -> None:
    studio = Studio(browser, page)
    clip = "return getComputedStyle(document.getElementById('before')).clipPath"
    studio.find("#wipe").send_keys(Keys.HOME)
    assert "100%" in browser.run(clip)
    studio.find("#wipe").send_keys(Keys.END)
    assert browser.run(clip) in ("inset(0px)", "inset(0px 0% 0px 0px)")
    ActionChains(browser.driver).move_to_element(studio.find("#picture")).click().perform()
    assert 45 <= float(studio.find("#wipe").get_attribute("value")) <= 55


def test_how_unusual(browser: Browser, page: Path) -> None:
    studio = Studio(browser, page)
    studio.find("#unusual").click()
    browser.until("return !document.getElementById('map-line').hidden")
    assert re.match(
        r"(Not u|U|Very u)nusual\. (None|\d+) of 90 normal pictures (is|are) at least as unusual \(p = 0\.\d+\)\.",
        studio.find("#map-line").text,
    )
    assert in_sight(studio, "#map-line")
    assert studio.find("#unusual").get_attribute("aria-pressed") == "true"
    assert studio.value("#wipe") == 100  # the original
    studio.find("#unusual").click()
    browser.until("return document.getElementById('map').hidden")
    assert studio.value("#wipe") == 50
    assert studio.find("#unusual").get_attribute("aria-pressed") == "false"


def test_what_is_unusual_is_seen_although_no_place_is_over_its_limit(browser: Browser, page: Path, tmp_path: Path) -> None:
    """As for a picture of one colour: the model draws it well, but nothing in it is as in normal pictures."""
    Image.new("RGB", (64, 64), "green").save(tmp_path / "wall.png")
    studio = Studio(browser, page)
    browser.run("""
      const real = ask;
      window.ask = async (what, ...given) => {
        const result = await real(what, ...given);
        if (what === "score") Object.assign(result, { times: result.times.map((value) => value / 1000), isWhole: 1 });
        return result;
      };
    """)
    studio.after(lambda: studio.find("#file").send_keys(str(tmp_path / "wall.png")))
    browser.until("return document.getElementById('status').textContent === 'wall.png'")
    studio.find("#unusual").click()
    browser.until("return !document.getElementById('map-line').hidden")
    assert "The whole picture is unusual" in studio.find("#map-line").text
    opaque = browser.run(
        "const map = document.getElementById('map'), { data } = map.getContext('2d').getImageData(0, 0, map.width, map.height);"
        "return Math.max(...data.filter((_, i) => i % 4 === 3))"
    )
    assert opaque > 200


@pytest.mark.parametrize("change", ["another", "edit", "mix", "undo", "crop"])
def test_the_score_goes_with_its_picture(browser: Browser, page: Path, photo: Path, change: str) -> None:
    studio = Studio(browser, page)
    studio.unfold()
    studio.press("#tray button:nth-child(3)")
    if change == "crop":
        studio.after(lambda: studio.find("#file").send_keys(str(photo)))
        browser.until("return !document.getElementById('adjust').hidden")
    studio.find("#tab-mix" if change == "mix" else "#tab-edit").click()
    studio.find("#unusual").click()
    browser.until("return !document.getElementById('map-line').hidden")
    if change == "edit":
        studio.slide("#principal input", Keys.END)
    elif change == "mix":
        studio.after(lambda: studio.find("#pad").send_keys(Keys.ARROW_RIGHT))
    elif change == "crop":
        studio.find("#crop").click()
    else:
        studio.press("#undo" if change == "undo" else "#tray button:nth-child(2)")
    assert not studio.find("#map-line").is_displayed()
    assert not studio.find("#map").is_displayed()


def test_the_red_of_a_score_is_not_on_the_picture_of_the_model(browser: Browser, page: Path) -> None:
    studio = Studio(browser, page)
    studio.unfold()
    model = studio.shown()
    studio.slide("#principal input", Keys.END)
    studio.find("#unusual").click()
    browser.until("return !document.getElementById('map-line').hidden")
    studio.find("#left").click()
    assert not studio.find("#map").is_displayed()
    assert studio.find("#left").text == "not edited"
    assert studio.find("#wipe").get_attribute("aria-label") == "Compare: part of the picture that is not edited, in percent"
    time.sleep(0.5)
    assert off(studio.shown("before"), model).max() == 0


def test_an_edit_that_is_made_meanwhile_has_no_score(browser: Browser, page: Path) -> None:
    studio = Studio(browser, page)
    studio.unfold()
    browser.run("""
      const real = ask, slider = document.querySelector("#principal input");
      window.ask = async (what, ...given) => {
        if (what === "score") Object.assign(slider, { value: 2 }).oninput();
        const result = await real(what, ...given);
        if (what === "score") window.answered = true;
        return result;
      };
    """)
    studio.find("#unusual").click()
    browser.until("return window.answered === true")
    time.sleep(0.2)
    assert not studio.find("#map-line").is_displayed()
    assert studio.value("#principal input") == 2


def test_a_sample_has_no_score_and_the_button_says_so(browser: Browser, page: Path) -> None:
    studio = Studio(browser, page, fragment="#seed=3")
    assert not studio.find("#unusual").is_enabled()
    assert studio.find("#unusual").get_attribute("title") == "Only photos and examples have a score: choose one"
    assert studio.find("#why").text == "Only photos and examples have a score."
    studio.press("#tray button:nth-child(2)")
    assert studio.find("#unusual").is_enabled()
    assert not studio.find("#why").is_displayed()


def test_saving(browser: Browser, page: Path, run: Run) -> None:
    studio = Studio(browser, page, fragment="#seed=5")
    studio.find("#tab-keep").click()
    studio.find("#smooth").click()
    assert studio.find("#scale + output").text == "1024 × 1024 pixels"
    studio.find("#keep summary").click()
    for button in ("#save", "#save-code"):
        studio.find(button).click()
        time.sleep(0.5)
    folder: Path = browser.downloads  # type: ignore[attr-defined]
    picture = np.asarray(Image.open(folder / "run-sample-5.png").convert("RGB"))
    assert picture.shape == (1024, 1024, 3)
    assert off(picture[::32, ::32], studio.shown()).max() == 0
    saved = json.loads((folder / "run-sample-5.json").read_text())
    with torch.no_grad():
        image = to_uint8(run.model().decode(torch.tensor([saved["code"]])))[0]
    assert off(image, studio.shown()).max() <= 3
    assert "vaegan sample" in studio.find("#command").text
    picture_of_seed = studio.shown()
    studio.press("#new")
    studio.after(lambda: studio.find("#code-file").send_keys(str(folder / "run-sample-5.json")))
    browser.until("return document.getElementById('status').textContent === 'Sample 5'")
    time.sleep(0.3)
    assert off(studio.shown(), picture_of_seed).max() == 0
    names: dict[str, Any] = {}
    studio = Studio(browser, page, fragment="#seed=5")
    studio.find("#tab-keep").click()
    studio.find("#keep summary").click()
    text = studio.find("#command").text.replace('"run-sample-5.json"', repr(str(folder / "run-sample-5.json")))
    text = text.replace('vaegan.load("./run")', f"vaegan.load({str(run.folder)!r})")
    with torch.no_grad():
        exec(text, names)
    assert off(to_uint8(names["image"])[0], studio.shown()).max() <= 3


def test_the_name_of_a_saved_picture_tells_its_edits(browser: Browser, page: Path) -> None:
    studio = Studio(browser, page, fragment="#seed=5")
    studio.unfold()
    names = [browser.run("return fileName('png')")]
    studio.slide("input[aria-label=Smiling]", Keys.END)
    names.append(browser.run("return fileName('png')"))
    studio.press("#undo")
    studio.slide("#principal input", Keys.END)
    names.append(browser.run("return fileName('png')"))
    assert names == ["run-sample-5.png", "run-sample-5-Smiling+2.png", "run-sample-5-edited.png"]
    for label, name in (("Лицо 1.JPG", "лицо-1"), ("顔.heic", "顔"), ("my.face", "my-face"), ("!!.png", "picture")):
        assert browser.run(f"state.base.label = '{label}'; return fileName('png')") == f"run-{name}-edited.png"


def test_attributes_are_found_by_name(browser: Browser, page: Path, photo: Path) -> None:
    studio = Studio(browser, page, width=360, touch=True)
    sliders = "#attributes input, #weak input"
    names = [slider.get_attribute("aria-label") for slider in browser.driver.find_elements("css selector", sliders)]

    def found(words: str) -> list[str]:
        studio.find("#find").clear()
        studio.find("#find").send_keys(words)
        return [slider.get_attribute("aria-label") for slider in browser.visible(sliders)]

    assert names[-1] in found(names[-1].upper())
    assert "Smiling" in found("smile")
    assert "Beard" in found("beards")
    assert found("good") == []  # a note is no name
    studio.after(lambda: studio.find("#file").send_keys(str(photo)))
    browser.until("return document.getElementById('status').textContent === 'photo.jpg'")
    studio.unfold()
    assert len(browser.visible(sliders)) == len(names)
    assert found("good") == []
    studio.find("#find").send_keys(Keys.ESCAPE)
    assert studio.find("#adjust").is_displayed()  # Escape was for the field
    found("good")
    studio.after(lambda: studio.find("#file").send_keys(str(photo)))  # which is known now
    studio.unfold()
    assert len(browser.visible(sliders)) == len(names)


def test_words_say_how_well_an_attribute_is_known(browser: Browser, page: Path) -> None:
    studio = Studio(browser, page)
    studio.unfold()
    notes = browser.driver.find_elements("css selector", "#attributes small, #weak small")
    assert {note.text for note in notes} <= {"good", "fair", "weak"}
    assert "of 100 cases" in notes[0].find_element("xpath", "..").get_attribute("title")
    assert [note.text for note in browser.driver.find_elements("css selector", "#weak small")].count("weak") >= 1


def test_an_edit_is_seen_on_the_whole_picture(browser: Browser, page: Path) -> None:
    studio = Studio(browser, page)
    assert studio.find("#wipe").get_attribute("value") == "50"  # a held-out image, beside its reconstruction
    browser.run("for (const folded of document.querySelectorAll('details')) folded.open = true")
    studio.slide("#principal input", Keys.END)
    assert studio.find("#wipe").get_attribute("value") == "0"


def test_tabs_by_keyboard(browser: Browser, page: Path) -> None:
    studio = Studio(browser, page)
    studio.find("#tab-edit").send_keys(Keys.ARROW_RIGHT)
    assert studio.find("#mix").is_displayed()
    browser.driver.switch_to.active_element.send_keys(Keys.END)
    assert studio.find("#keep").is_displayed()
    assert not studio.find("#mix").is_displayed()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 768, 1400, 2560])
def test_it_can_be_read(browser: Browser, page: Path, width: int, scheme: str) -> None:
    studio = Studio(browser, page, width=width, scheme=scheme)
    for tab in ("edit", "mix", "walk", "keep"):
        browser.run(f"document.getElementById('tab-{tab}').click()")
        browser.run("for (const folded of document.querySelectorAll('details')) folded.open = true")
        assert browser.run("return document.documentElement.scrollWidth") <= width
        low = [pair for pair in browser.run(CONTRASTS) if pair[1] < 4.5]
        assert [pair for pair in low if pair[0] not in ("Undo", "Reset")] == []  # buttons that cannot be pressed may be pale
    assert studio.find("#picture").size["width"] >= 200
