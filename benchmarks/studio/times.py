"""How long a person waits in the page of `vaegan studio`: from opening it to the first picture, and from a slider to its picture.

    python benchmarks/studio/times.py runs/avatars/studio.html

opens the page in headless Chromium, from a file, again and again, and moves its first slider. A picture counts when the browser has had its
next frame after it. It prints medians and 95th percentiles in milliseconds. It needs chromium, its driver and selenium.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.support.wait import WebDriverWait

OPENED, MOVED, WARM = 15, 200, 10
MOVE = """
const [moves, done] = arguments, slider = document.querySelector("input[type=range][aria-label]:not(#wipe, #zoom, #pace, #scale)");
const frame = () => new Promise(requestAnimationFrame), { dataset } = document.body;
(async () => {
  const times = [];
  for (let move = 0; move < moves; move++) {
    const began = performance.now(), before = dataset.shown;
    slider.value = +slider.min + ((move % 20) / 19) * (slider.max - slider.min);
    slider.dispatchEvent(new Event("input"));
    while (dataset.shown === before) await frame();
    times.push(performance.now() - began);
  }
  return times;
})().then(done);
"""


def main() -> None:
    """Print the times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path)
    parser.add_argument("--opened", type=int, default=OPENED, help="how often the page is opened")
    parser.add_argument("--moved", type=int, default=MOVED, help="how often the slider is moved")
    args = parser.parse_args()
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"):
        options.add_argument(argument)
    if chromium := shutil.which("chromium"):
        options.binary_location = chromium
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    driver.set_script_timeout(110)
    try:
        first = []
        for _ in range(args.opened):
            driver.get("about:blank")
            driver.get(args.page.absolute().as_uri())
            WebDriverWait(driver, 60, 0.05).until(lambda driver: driver.execute_script("return document.body.dataset.ready === 'all'"))
            first.append(float(driver.execute_script("return document.body.dataset.first")))
        moved = [time for _ in range(-(-args.moved // 20)) for time in driver.execute_async_script(MOVE, 20)]
    finally:
        driver.quit()
    for what, times in {"opening to first picture": first, "slider to picture": moved[WARM:]}.items():
        print(f"{what}: median {statistics.median(times):.0f} ms, 95th percentile {statistics.quantiles(times, n=20)[-1]:.0f} ms")


if __name__ == "__main__":
    main()
