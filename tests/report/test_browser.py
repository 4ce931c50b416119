"""The report in a browser, where there are one and selenium: Debian has chromium and chromium-driver."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from vaegan.report import report

from ..browser import CONTRASTS, MARKS, Browser
from .test_page import write_run

ActionChains = pytest.importorskip("selenium.webdriver").ActionChains
pytestmark = MARKS


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.driver.quit()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    name = "a run with a name that is long, " + "long" * 20
    run = write_run(tmp_path_factory.mktemp("report") / name)
    with (run / "stats.jsonl").open("a") as file:
        file.write('{"step": 40, "images": 320, "images_per_second": 80, "prior": 43, "warnings": ["it is collapsing"]}\n')
    (run / "metrics.jsonl").write_text('{"step": 40, "fid": 12.5}\n')
    return report(run)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 400, 800, 1400])
def test_it_can_be_read(browser: Browser, page: Path, width: int, scheme: str) -> None:
    browser.open(page, width=width, scheme=scheme)
    browser.run("for (const folded of document.querySelectorAll('details')) folded.open = true")
    assert browser.run("return document.documentElement.scrollWidth") <= width  # wide tables scroll within themselves
    contrasts = browser.run(CONTRASTS)
    assert len(contrasts) > 100
    assert [pair for pair in contrasts if pair[1] < 4.5] == []
    dark = browser.run("return getComputedStyle(document.body).backgroundColor") == "rgb(19, 20, 22)"
    assert dark == (scheme == "dark")
    overlapping = browser.run("return [...document.querySelectorAll('.panel')].filter((p) => p.scrollWidth > p.clientWidth).length")
    assert overlapping == 0


def test_nothing_is_asked_for_and_nothing_complains(browser: Browser, page: Path) -> None:
    browser.requested()
    browser.driver.get_log("browser")
    browser.open(page)
    browser.run("for (const button of document.querySelectorAll('.copy')) button.click()")
    asked = browser.requested()
    assert page.as_uri() in asked
    assert all(url.startswith("data:") or url == page.as_uri() for url in asked)
    assert browser.driver.get_log("browser") == []


def test_its_policy_holds(browser: Browser, page: Path) -> None:
    """Even markup that found its way into the page could neither run nor ask for anything."""
    bad = page.with_name("bad.html")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(1)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/x.png"
        evil = f'<script>document.title = "bad"</script><img src="{address}" onerror="document.title = 1"><b style="color: red">x</b>'
        bad.write_text(page.read_text().replace("<main>", f"<main>{evil}"))
        browser.open(bad)
        with pytest.raises(TimeoutError):
            server.accept()
    assert browser.driver.title.endswith("vaegan report")
    assert sum("Content Security Policy" in entry["message"] for entry in browser.driver.get_log("browser")) >= 3


def test_the_slider_by_keyboard(browser: Browser, page: Path) -> None:
    browser.open(page)
    slider = browser.driver.find_element("css selector", "input[type=range]")
    assert slider.accessible_name == "Step"
    for keys, step in (("", "30"), ("\ue012", "20"), ("\ue011", "10"), ("\ue014", "20"), ("\ue010", "30")):  # left, home, right, end
        slider.send_keys(keys)
        (shown,) = browser.visible(".frames img")
        assert shown.get_attribute("data-step") == step
        assert slider.get_attribute("aria-valuetext") == f"step {step}"
    assert browser.visible(".slider b")[0].text == "30"


def test_focus_is_seen(browser: Browser, page: Path) -> None:
    browser.open(page)
    body = browser.driver.find_element("css selector", "body")
    body.send_keys("\ue004")
    seen = set()
    for _ in range(30):
        focused = browser.driver.switch_to.active_element
        seen.add(focused.tag_name)
        if focused.tag_name == "body":
            break
        assert focused.value_of_css_property("outline-style") != "none", focused.get_attribute("outerHTML")
        focused.send_keys("\ue004")
    assert {"a", "input", "summary", "button", "div"} <= seen


def test_hovering_tells_values(browser: Browser, page: Path) -> None:
    browser.open(page)
    panel = browser.driver.find_element("css selector", ".panel")
    assert panel.find_element("css selector", "figcaption").text.split() == ["Prior", "step", "40", "43"]
    chart = panel.find_element("css selector", "svg[role=img]")
    browser.run("document.querySelector('.panel').scrollIntoView({behavior: 'instant'})")
    ActionChains(browser.driver).move_to_element_with_offset(chart, -1, 0).perform()
    step, value = (element.text for element in panel.find_elements("css selector", "figcaption b"))
    assert (step, value) == ("20", "23")
    ActionChains(browser.driver).move_to_element(panel.find_element("css selector", "h3")).perform()
    assert [element.text for element in panel.find_elements("css selector", "figcaption b")] == ["40", "43"]


def test_it_is_whole_without_its_script(browser: Browser, page: Path) -> None:
    browser.open(page, script=False)
    (shown,) = browser.visible(".frames img")
    assert shown.get_attribute("data-step") == "30"
    assert browser.visible(".slider, .copy") == []
    assert len(browser.visible(".panel svg[role=img]")) == 7


def test_it_can_be_printed(browser: Browser, page: Path) -> None:
    browser.open(page, scheme="dark", media="print")
    assert browser.visible(".slider, .copy, nav") == []
    assert re.match(r"rgb\(25\d, 25\d, 2\d\d\)", browser.run("return getComputedStyle(document.body).backgroundColor"))
    assert len(browser.visible(".frames img")) == 1
