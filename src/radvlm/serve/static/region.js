/** The drawn region by keyboard and by numbers: whoever cannot drag draws it just as well. */

import { say, the } from "./dom.js";
import { boxOf } from "./gestures.js";
import { change, hear, state } from "./state.js";
import * as tabs from "./tabs.js";

const STEP = 0.01;
const LEAST = 0.02;

/** Let the fields work. */
export function arm() {
  the("drop-region").addEventListener("click", () => change({ region: null }));
  for (const field of fields()) field.addEventListener("change", typed);
  hear("region", render);
}

const fields = () => [...the("region").querySelectorAll("input")];

function render(region) {
  the("region").hidden = !region;
  if (!region) return;
  for (const field of fields()) field.value = (100 * region[Number(field.dataset.side)]).toFixed(1);
}

function typed() {
  const [x1, y1, x2, y2] = fields().map((field) => Number(field.value) / 100);
  const box = boxOf([x1, y1], [x2, y2]);
  if (box) change({ region: box });
  else render(state.region);
}

/** A region in the middle of what is seen, to be moved from there. */
export function begin(viewer) {
  const [width, height] = viewer.size;
  const from = viewer.toImage(width * 0.38, height * 0.38);
  change({ region: boxOf(from, viewer.toImage(width * 0.62, height * 0.62)) });
  tabs.show("ask");
  say("A region stands in the middle. Arrow keys move it, with Shift its size, Enter asks.");
}

/** Move the region, or its lower right corner. */
export function move(dx, dy, size) {
  const [x1, y1, x2, y2] = state.region;
  if (size) {
    const right = Math.min(Math.max(x2 + dx * STEP, x1 + LEAST), 1);
    const bottom = Math.min(Math.max(y2 + dy * STEP, y1 + LEAST), 1);
    change({ region: [x1, y1, right, bottom] });
    return;
  }
  const right = Math.min(Math.max(dx * STEP, -x1), 1 - x2);
  const down = Math.min(Math.max(dy * STEP, -y1), 1 - y2);
  change({ region: [x1 + right, y1 + down, x2 + right, y2 + down] });
}
