/** Single keys, as listed in the page's dialog; they can be switched off there (WCAG 2.1.4). */

import { the } from "./dom.js";
import { read } from "./findings.js";
import { pin } from "./links.js";
import { start } from "./opening.js";
import * as region from "./region.js";
import { change, state } from "./state.js";
import * as tabs from "./tabs.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const PAN = 60;
const ZOOM = 1.25;

/**
 * @param {() => import("./viewer.js").Viewer} active  the viewer last pointed at
 * @param {import("./viewer.js").Viewer} current
 * @param {{tool: (name: string) => void, hide: () => void}} tools
 */
export function arm(active, current, tools) {
  const level = (down, width) => {
    const viewer = active();
    if (!viewer.picture) return;
    const [low, high] = viewer.range;
    const step = ((high - low) / 50) * (down ? -1 : 1);
    const { center, width: wide } = viewer.window;
    viewer.level(center + (width ? 0 : step), wide + (width ? step : 0));
  };
  const acts = {
    "?": () => the("keys").showModal(),
    "+": () => active().zoom(ZOOM),
    "=": () => active().zoom(ZOOM),
    "-": () => active().zoom(1 / ZOOM),
    0: () => active().fit(),
    i: () => the("invert").click(),
    p: () => tools.tool("pan"),
    w: () => tools.tool("window"),
    b: () => drawn(),
    h: () => tools.hide(),
    "[": () => level(true, false),
    "]": () => level(false, false),
    "{": () => level(true, true),
    "}": () => level(false, true),
    o: () => start(),
    r: () => goTo("findings", () => read(false)),
    "/": () => goTo("ask", () => the("question").focus()),
    d: () => goTo("report", () => the("draft").focus()),
    Escape: () => (state.region ? change({ region: null }) : pin(null)),
  };

  function drawn() {
    if (!state.picture) return;
    tools.tool("draw");
    if (!state.region) region.begin(current);
    current.stage.focus();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.target.closest("input, textarea, select")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (ARROWS[event.key]) arrow(event, active());
    else if (event.key === "Enter" && state.region && event.target === current.stage) {
      event.preventDefault();
      acts["/"]();
    } else if (acts[event.key] && (the("keys-on").checked || event.key === "Escape")) {
      event.preventDefault();
      acts[event.key]();
    }
  });
}

function goTo(name, then) {
  tabs.show(name);
  then();
}

/** Arrows belong to the stage, or to the page where nothing else has the focus. */
function arrow(event, viewer) {
  const stage = event.target.closest(".stage");
  if (!stage && event.target !== document.body) return;
  if (!viewer.picture) return;
  event.preventDefault();
  const [dx, dy] = ARROWS[event.key];
  if (state.region && state.tool === "draw") region.move(dx, dy, event.shiftKey);
  else viewer.pan(-dx * PAN, -dy * PAN);
}
