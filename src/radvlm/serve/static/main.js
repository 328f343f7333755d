/** The page of `radvlm serve`: viewer, findings, conversation and draft put together. */

import * as api from "./api.js";
import { Boxes } from "./boxes.js";
import * as chat from "./chat.js";
import { armDialogs, ask, the } from "./dom.js";
import * as explain from "./explain.js";
import * as findings from "./findings.js";
import { attach } from "./gestures.js";
import * as keys from "./keys.js";
import * as opening from "./opening.js";
import * as problems from "./problems.js";
import * as region from "./region.js";
import * as report from "./report.js";
import { change, hear, state } from "./state.js";
import * as tabs from "./tabs.js";
import { Viewer } from "./viewer.js";

const THEMES = ["system", "light", "dark"];
const stage = (id) => the(id).querySelector(".stage");

const current = new Viewer(stage("current"), changed);
const prior = new Viewer(stage("prior"), changed);
const boxes = new Boxes(current);
let active = current;

/** After every change of a view: boxes, figures, and the other viewer where it follows. */
function changed(viewer) {
  boxes.place();
  if (the("sync").checked && !the("prior").hidden) {
    (viewer === current ? prior : current).follow(viewer);
    boxes.place();
  }
  figures();
}

function figures() {
  const { picture } = active;
  the("zoom").textContent = picture ? `${Math.round(100 * active.view.scale)} %` : "–";
  the("invert").setAttribute("aria-pressed", String(Boolean(picture) && active.inverted));
  for (const id of ["centre", "width", "reset"]) the(id).disabled = !picture;
  if (!picture) return;
  const [low, high] = active.range;
  const { center, width } = active.window;
  slide("centre", low, high, center);
  slide("width", (high - low) / 255, Math.max(high - low, active.usual.width), width);
}

function slide(id, low, high, value) {
  const slider = the(id);
  Object.assign(slider, { min: low, max: high, step: "any" });
  slider.value = value;
  the(`${id}-value`).textContent = String(Math.round(value));
}

function tool(name) {
  change({ tool: name });
  document.body.dataset.tool = name;
  for (const button of document.querySelectorAll("button[data-tool]")) {
    button.setAttribute("aria-pressed", String(button.dataset.tool === name));
  }
}

function armViewer() {
  const drawn = () => tabs.show("ask");
  for (const viewer of [current, prior]) {
    attach(viewer, viewer === current, drawn);
    const choose = () => {
      active = viewer;
      figures();
    };
    viewer.stage.addEventListener("pointerdown", choose);
    viewer.stage.addEventListener("focus", choose);
  }
  for (const button of document.querySelectorAll("button[data-tool]")) {
    button.addEventListener("click", (event) => {
      tool(button.dataset.tool);
      // A click without a pointer is a key: the region has to come from somewhere.
      const byKey = event.detail === 0 && button.dataset.tool === "draw";
      if (byKey && state.picture && !state.region) region.begin(current);
    });
  }
  the("zoom-in").addEventListener("click", () => active.zoom(1.25));
  the("zoom-out").addEventListener("click", () => active.zoom(0.8));
  the("fit").addEventListener("click", () => active.fit());
  the("invert").addEventListener("click", () => active.invert());
  const value = (id) => Number(the(id).value);
  the("centre").addEventListener("input", () => active.level(value("centre"), active.window.width));
  the("width").addEventListener("input", () => active.level(active.window.center, value("width")));
  the("reset").addEventListener("click", () => active.level(active.usual.center, active.usual.width));
  for (const layer of document.querySelectorAll("[data-layer]")) {
    layer.addEventListener("change", () => boxes.layer(layer.dataset.layer, layer.checked));
  }
  hear("picture", (picture) => {
    the("add-prior").disabled = !picture;
    active = current;
    figures();
  });
  // A box that was chosen leads to its text.
  hear("chosen", (mark) => {
    tabs.show(mark.layer === "answers" || mark.layer === "earlier" ? "ask" : "findings");
    const text = document.querySelector(`[data-key="${mark.links[0]}"]`);
    text?.scrollIntoView({ block: "nearest" });
  });
  // In one column the image may have been scrolled away when its text is chosen.
  hear("pinned", () => {
    const { top, bottom } = current.stage.getBoundingClientRect();
    const gone = bottom < 0.3 * innerHeight || top > 0.7 * innerHeight;
    if (gone) current.stage.scrollIntoView({ block: "center" });
  });
}

function hide() {
  boxes.hidden = !boxes.hidden;
  boxes.place();
}

function armHeader() {
  const notice = document.querySelector(".notice");
  const room = document.documentElement.style;
  new ResizeObserver(() => room.setProperty("--notice", `${notice.offsetHeight}px`)).observe(notice);
  the("help").addEventListener("click", () => the("keys").showModal());
  the("theme").addEventListener("click", () => {
    const now = document.documentElement.dataset.theme ?? "system";
    const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
    document.documentElement.dataset.theme = next;
    the("theme-name").textContent = `Theme: ${next}`;
    the("theme").setAttribute("aria-label", `Theme: ${next}`);
  });
}

function armToken() {
  const field = the("token-text");
  the("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    the("token").close(field.value.trim());
  });
  api.onToken(async (again) => {
    if (again) the("token-why").textContent = "The server does not know this token.";
    const given = await ask("token");
    field.value = "";
    return given;
  });
}

async function begin() {
  try {
    const asked = [api.model(), api.examples(), api.explainable()];
    const [about, examples, explainable] = await Promise.all(asked);
    change({ model: about.id, scope: about.scope });
    the("model").textContent = about.id;
    the("scope").textContent = `The model: ${about.scope}`;
    explain.offer(explainable);
    await opening.listExamples(examples);
  } catch (error) {
    problems.show(error, begin);
  }
}

armDialogs();
armHeader();
armToken();
armViewer();
tabs.arm();
findings.arm();
chat.arm();
region.arm();
report.arm();
explain.arm();
opening.arm(current, prior);
keys.arm(() => active, current, { tool, hide });
tool("pan");
begin();
