"use strict";
// The page is whole without this: it adds the slider, the readings of the charts and the buttons that copy.

const slider = document.querySelector(".slider");
if (slider) {
  const frames = [...document.querySelectorAll(".frames img")];
  const [input, step] = [slider.querySelector("input"), slider.querySelector("output")];
  const show = () => {
    const chosen = frames[Number(input.value)];
    for (const frame of frames) frame.hidden = frame !== chosen;
    step.value = chosen.dataset.step;
    input.setAttribute("aria-valuetext", `step ${chosen.dataset.step}`);
  };
  input.addEventListener("input", show);
  slider.hidden = false;
  show();
}

for (const panel of document.querySelectorAll(".panel")) {
  const [svg, text] = [panel.querySelector("svg[data-readings]"), panel.querySelector(".reading")];
  const here = svg.querySelector(".here");
  const readings = JSON.parse(svg.dataset.readings);
  svg.addEventListener("pointermove", (event) => {
    const x = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse()).x;
    const [place, reading] = readings.reduce((best, one) => (Math.abs(one[0] - x) < Math.abs(best[0] - x) ? one : best));
    here.setAttribute("transform", `translate(${place} 0)`);
    here.setAttribute("visibility", "visible");
    text.textContent = reading;
  });
  svg.addEventListener("pointerleave", () => {
    here.setAttribute("visibility", "hidden");
    text.textContent = text.dataset.latest;
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
