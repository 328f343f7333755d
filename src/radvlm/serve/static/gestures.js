/** Mouse, pen and touch on a stage: pan, pinch, wheel, window, drawing a region. */

import { change, state } from "./state.js";

const STILL = 3;
const LEAST = 0.01;

/** Corners in order and inside the image; null where that leaves no area to speak of. */
export function boxOf([ax, ay], [bx, by]) {
  const inside = (value) => Math.min(Math.max(value, 0), 1);
  const [x1, x2] = [inside(Math.min(ax, bx)), inside(Math.max(ax, bx))];
  const [y1, y2] = [inside(Math.min(ay, by)), inside(Math.max(ay, by))];
  return x2 - x1 < LEAST || y2 - y1 < LEAST ? null : [x1, y1, x2, y2];
}

/**
 * @param {import("./viewer.js").Viewer} viewer
 * @param {boolean} drawable  whether regions may be drawn here
 * @param {() => void} drawn  when one has been
 */
export function attach(viewer, drawable, drawn) {
  const { stage } = viewer;
  /** Pressed pointers and where they are. @type {Map<number, number[]>} */
  const down = new Map();
  let mode = "";
  let start = [0, 0];
  let moved = false;
  /** The region before this gesture. */
  let earlier = null;

  const at = (event) => {
    const edge = stage.getBoundingClientRect();
    return [event.clientX - edge.left, event.clientY - edge.top];
  };

  stage.addEventListener("pointerdown", (event) => {
    if (!viewer.picture) return;
    down.set(event.pointerId, at(event));
    if (down.size > 1) {
      if (mode === "draw") change({ region: earlier });
      mode = "pan";
      return;
    }
    start = at(event);
    moved = false;
    earlier = state.region;
    mode = event.button === 2 ? "window" : event.button === 1 ? "pan" : state.tool;
    if (mode === "draw" && !drawable) mode = "pan";
  });

  stage.addEventListener("pointermove", (event) => {
    const before = down.get(event.pointerId);
    if (!before) return;
    const now = at(event);
    if (!moved && Math.hypot(now[0] - start[0], now[1] - start[1]) < STILL) return;
    if (!moved) stage.setPointerCapture(event.pointerId);
    moved = true;
    down.set(event.pointerId, now);
    if (down.size === 2) pinch(event.pointerId, before, now);
    else if (mode === "draw") change({ region: boxOf(viewer.toImage(...start), viewer.toImage(...now)) });
    else if (mode === "window") drag(now[0] - before[0], now[1] - before[1]);
    // One finger on the whole picture scrolls the page.
    else if (event.pointerType !== "touch" || !viewer.fitted) viewer.pan(now[0] - before[0], now[1] - before[1]);
  });

  function pinch(id, before, now) {
    const [, other] = [...down].find(([key]) => key !== id);
    const far = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]) || 1;
    viewer.zoom(far(now) / far(before), [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2]);
    viewer.pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
  }

  /** Sideways the width, up and down the level, as in radiology. */
  function drag(dx, dy) {
    const [low, high] = viewer.range;
    const step = (high - low) / 400;
    viewer.level(viewer.window.center + dy * step, viewer.window.width + dx * step);
  }

  const up = (event) => {
    if (!down.delete(event.pointerId)) return;
    if (mode === "draw" && moved && down.size === 0 && state.region) drawn();
  };
  stage.addEventListener("pointerup", up);
  stage.addEventListener("pointercancel", up);
  // A drag that ends over a box is no click on it.
  stage.addEventListener("click", (event) => moved && event.stopPropagation(), true);
  stage.addEventListener("contextmenu", (event) => event.preventDefault());
  stage.addEventListener("dblclick", () => viewer.fit());
  stage.addEventListener("wheel", (event) => wheel(viewer, event, at(event)), { passive: false });
}

function wheel(viewer, event, at) {
  const page = document.documentElement;
  // Where the page itself scrolls, the wheel stays with it unless Ctrl is held.
  if (page.scrollHeight > page.clientHeight + 1 && !event.ctrlKey) return;
  event.preventDefault();
  viewer.zoom(Math.exp(-Math.max(-60, Math.min(60, event.deltaY)) / 300), at);
}
