/* Fingers, the mouse and the wheel. */

const SLOP = 6; // pixels that a finger goes before it is known which way it goes
const clamp = (value) => Math.max(0, Math.min(1, value));

/**
 * Call `move` with the way of a pointer, or of two fingers between which the distance grows by a factor, from the press to the release. Ways and
 * places are parts of the element. Where the page `scrolls` under a finger, nothing happens before the finger goes sideways.
 */
function dragged(element, { takes = () => true, scrolls = () => false, start = () => {}, move, end = () => {} }) {
  const pointers = new Map();
  let first = null, before = null, live = false;
  const now = () => {
    const box = element.getBoundingClientRect(), all = [...pointers.values()];
    const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
    return {
      x: (mean(all.map((one) => one.clientX)) - box.left) / box.width,
      y: (mean(all.map((one) => one.clientY)) - box.top) / box.height,
      apart: all.length > 1 ? Math.hypot(all[0].clientX - all[1].clientX, all[0].clientY - all[1].clientY) : 0,
    };
  };
  const begins = () => { live = true; start(before); };
  element.addEventListener("pointerdown", (event) => {
    if (event.button || !takes()) return;
    pointers.set(event.pointerId, event);
    element.setPointerCapture(event.pointerId);
    before = now();
    if (pointers.size > 1) return;
    first = event;
    live = false;
    if (!(scrolls() && event.pointerType === "touch")) begins();
  });
  element.addEventListener("pointermove", (event) => {
    if (!pointers.has(event.pointerId)) return;
    pointers.set(event.pointerId, event);
    const right = Math.abs(event.clientX - first.clientX), down = Math.abs(event.clientY - first.clientY), place = now();
    if (!live && right > SLOP && right > down) begins();
    if (live) move(place.x - before.x, place.y - before.y, place, before.apart && place.apart ? place.apart / before.apart : 1);
    before = place;
  });
  for (const name of ["pointerup", "pointercancel"]) {
    element.addEventListener(name, ({ pointerId }) => {
      if (!pointers.delete(pointerId)) return;
      if (pointers.size) before = now();
      else if (live) end();
    });
  }
}

/**
 * Under a finger, a slider moves from where it stands, when the finger goes sideways anywhere on its row. The style makes the slider itself deaf to
 * fingers: browsers move it to where a finger begins to scroll the page.
 */
function slideByFinger(row) {
  const input = row.querySelector("input");
  let value = 0, from = "";
  dragged(row, {
    takes: () => getComputedStyle(input).pointerEvents === "none",
    scrolls: () => true,
    start: () => { from = input.value; value = +from; },
    move: (right) => {
      value = Math.max(+input.min, Math.min(+input.max, value + right * (input.max - input.min)));
      input.value = value;
      input.dispatchEvent(new Event("input"));
    },
    end: () => { if (input.value !== from) input.dispatchEvent(new Event("change")); },
  });
}
