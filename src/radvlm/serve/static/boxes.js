/** The boxes over a viewer's image: SVG in the stage's pixels, laid out anew with every view. */

import { draw } from "./dom.js";
import { light, marks, pin } from "./links.js";
import { hear, state, tell } from "./state.js";

const LABEL = 17;
const LETTER = 6.9;

export class Boxes {
  /** @param {import("./viewer.js").Viewer} viewer */
  constructor(viewer) {
    this.viewer = viewer;
    this.svg = draw("svg", { class: "boxes", role: "group", "aria-label": "Boxes" });
    this.own = draw("rect", { class: "drawn", "data-mark": "drawn" });
    viewer.stage.append(this.svg);
    /** Layers that are shown. */
    this.layers = new Set(["findings", "answers"]);
    this.hidden = false;
    this.lit = { marks: new Set(), keys: new Set() };
    hear("marks", () => this.rebuild());
    hear("region", () => this.place());
    hear("light", (lit) => {
      this.lit = lit;
      this.place();
    });
  }

  /** Show or hide a layer. */
  layer(name, shown) {
    if (shown) this.layers.add(name);
    else this.layers.delete(name);
    this.place();
  }

  rebuild() {
    const area = ({ box: [a, b, c, d] }) => (c - a) * (d - b);
    // The small ones on top, so that each can be pointed at.
    this.shown = marks().sort((one, other) => area(other) - area(one));
    this.groups = new Map(this.shown.map((one) => [one.id, this.group(one)]));
    this.svg.replaceChildren(...this.groups.values(), this.own);
    this.place();
  }

  group(mark) {
    const group = draw(
      "g",
      { class: `box ${mark.layer}`, "data-mark": mark.id, tabindex: "0", role: "button" },
      draw("rect", { class: "under" }),
      draw("rect", { class: "line", stroke: mark.colour }),
      draw("text", { fill: mark.colour }, mark.label),
    );
    group.setAttribute("aria-label", `${mark.label}, box`);
    const source = { mark: mark.id };
    group.addEventListener("pointerenter", () => light(source));
    group.addEventListener("pointerleave", () => light(null));
    group.addEventListener("focus", () => light(source));
    group.addEventListener("blur", () => light(null));
    group.addEventListener("click", () => choose(mark));
    group.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      event.stopPropagation();
      choose(mark);
    });
    return group;
  }

  /** Lay everything out for the view at hand. */
  place() {
    const any = this.lit.marks.size > 0;
    const taken = [];
    for (const mark of this.viewer.picture ? (this.shown ?? []) : []) {
      const group = this.groups.get(mark.id);
      const lit = this.lit.marks.has(mark.id);
      const seen = !this.hidden && (lit || this.layers.has(mark.layer));
      group.toggleAttribute("hidden", !seen);
      group.classList.toggle("lit", lit);
      group.classList.toggle("faint", any && !lit);
      if (!seen) continue;
      const at = this.rectangle(mark.box);
      for (const rect of group.querySelectorAll("rect")) set(rect, at);
      set(group.querySelector("text"), this.label(mark.label, at, taken));
    }
    const drawn = this.viewer.picture && state.region;
    this.own.toggleAttribute("hidden", !drawn);
    if (drawn) set(this.own, this.rectangle(state.region));
  }

  rectangle([x1, y1, x2, y2]) {
    const [left, top] = this.viewer.toStage(x1, y1);
    const [right, bottom] = this.viewer.toStage(x2, y2);
    return { x: left, y: top, width: right - left, height: bottom - top };
  }

  /** A place for a label where no other one is: over the box, in it, or under it. */
  label(text, at, taken) {
    const width = text.length * LETTER;
    const [stage, height] = this.viewer.size;
    const x = Math.max(3, Math.min(at.x + 3, stage - width - 3));
    const rows = [at.y - 5, at.y + 14, at.y + at.height + 14, at.y + 14 + LABEL];
    const free = (y) =>
      y > 12 && y < height - 3 &&
      !taken.some((one) => Math.abs(one.y - y) < LABEL && x < one.end && one.x < x + width);
    const y = rows.find(free) ?? rows[1];
    taken.push({ x, y, end: x + width });
    return { x, y };
  }
}

function choose(mark) {
  if (pin({ mark: mark.id })) tell("chosen", mark);
}

function set(element, values) {
  for (const [name, value] of Object.entries(values)) element.setAttribute(name, value.toFixed(2));
}
