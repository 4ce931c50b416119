"use strict";
// The page is whole without this: it adds the slider, the readings of the charts and the buttons that copy.

const slider = document.querySelector(".slider");
if (slider) {
  const frames = [...document.querySelectorAll(".frames img")];
  const [input, step] = [slider.querySelector("input"), slider.querySelector("b")];
  const show = () => {
    const chosen = frames[Number(input.value)];
    for (const frame of frames) frame.hidden = frame !== chosen;
    step.textContent = chosen.dataset.step;
    input.setAttribute("aria-valuetext", `step ${chosen.dataset.step}`);
  };
  input.addEventListener("input", show);
  slider.hidden = false;
  show();
}

for (const panel of document.querySelectorAll(".panel")) {
  const chart = panel.querySelector("svg[data-readings]");
  const here = chart.querySelector(".here");
  const values = panel.querySelectorAll("figcaption b");
  const readings = JSON.parse(chart.dataset.readings);
  const tell = ([place, step, texts]) => {
    here.setAttribute("transform", `translate(${place} 0)`);
    [step, ...texts].forEach((text, number) => { values[number].textContent = text; });
  };
  chart.addEventListener("pointermove", (event) => {
    const { x } = new DOMPoint(event.clientX, event.clientY).matrixTransform(chart.getScreenCTM().inverse());
    tell(readings.reduce((best, one) => (Math.abs(one[0] - x) < Math.abs(best[0] - x) ? one : best)));
    here.setAttribute("visibility", "visible");
  });
  chart.addEventListener("pointerleave", () => {
    tell(readings.at(-1));
    here.setAttribute("visibility", "hidden");
  });
}

for (const button of document.querySelectorAll(".copy")) {
  const code = button.parentElement.querySelector("code");
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}
