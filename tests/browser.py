"""A page in a browser, where there are one and selenium: Debian has chromium and chromium-driver."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

webdriver = pytest.importorskip("selenium.webdriver")
WebDriverWait = pytest.importorskip("selenium.webdriver.support.wait").WebDriverWait
DRIVER = shutil.which("chromedriver")
MARKS = [pytest.mark.heavy, pytest.mark.skipif(not DRIVER, reason="there is no chromedriver")]

CONTRASTS = """
const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
const luminance = (colour) => numbers(colour).slice(0, 3)
  .map((value) => value / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
  .reduce((sum, value, place) => sum + value * [0.2126, 0.7152, 0.0722][place], 0);
const ground = (element) => {
  for (let e = element; e; e = e.parentElement) {
    const colour = getComputedStyle(e).backgroundColor;
    if ((numbers(colour)[3] ?? 1) === 1) return colour;
  }
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const found = [];
while (walker.nextNode()) {
  const [text, element] = [walker.currentNode.textContent.trim(), walker.currentNode.parentElement];
  if (!text || !element.getClientRects().length) continue;
  const style = getComputedStyle(element);
  const [a, b] = [element instanceof SVGElement ? style.fill : style.color, ground(element)].map(luminance);
  found.push([text, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]);
}
return found;
"""


class Browser:
    """A page, opened as people may have set up their browsers."""

    def __init__(self) -> None:
        options = webdriver.ChromeOptions()
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"):
            options.add_argument(argument)
        if chromium := shutil.which("chromium"):
            options.binary_location = chromium
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver: Any = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))

    def open(
        self,
        page: Path,
        *,
        width: int = 1400,
        scheme: str = "light",
        media: str = "",
        script: bool = True,
        touch: bool = False,
        fragment: str = "",
    ) -> None:
        """Open a page in an empty tab, as wide as a person's screen."""
        self.driver.get("about:blank")
        self.command("Emulation.setTouchEmulationEnabled", enabled=touch)
        self.command("Emulation.setScriptExecutionDisabled", value=not script)
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=touch)
        self.command("Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.driver.get(page.as_uri() + fragment)

    def until(self, script: str, seconds: float = 60) -> Any:
        """Wait until a script returns something that is true, and return that."""
        return WebDriverWait(self.driver, seconds, 0.02).until(lambda driver: driver.execute_script(script))

    def command(self, name: str, **parameters: object) -> Any:
        return self.driver.execute_cdp_cmd(name, parameters)

    def run(self, script: str) -> Any:
        return self.driver.execute_script(script)

    def requested(self) -> list[str]:
        """The addresses that were asked for since the last time."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]

    def visible(self, selector: str) -> list[Any]:
        return [element for element in self.driver.find_elements("css selector", selector) if element.is_displayed()]
