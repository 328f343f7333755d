/** The reading: sentences and findings linked to their boxes, statuses a person may change. */

import * as api from "./api.js";
import { make, say, the } from "./dom.js";
import { colourOf, linkText, takeReading } from "./links.js";
import * as problems from "./problems.js";
import { change, hear, state, tell } from "./state.js";

const STATUSES = ["present", "uncertain", "absent"];

/** @type {AbortController | null} */
let running = null;

/** Let the buttons work. */
export function arm() {
  the("read").addEventListener("click", () => read(false));
  the("stop-reading").addEventListener("click", () => running?.abort());
  hear("picture", () => {
    running?.abort();
    change({ statuses: new Map(), reading: null });
    busy(false);
  });
  hear("reading", render);
}

/** Have the model read the current image; `force` where it is unlike those of the training. */
export async function read(force) {
  const { picture } = state;
  if (!picture || running) return;
  const own = new AbortController();
  running = own;
  problems.clear();
  busy(true);
  try {
    const reading = await api.read(picture.url, force, own.signal);
    if (picture !== state.picture) return;
    change({ statuses: new Map(), reading });
    const found = reading.findings.filter((one) => one.status === "present").length;
    say(reading.accepted ? `Read. Findings present: ${found}.` : "The image was not read.");
  } catch (error) {
    problems.show(error, () => read(force));
  } finally {
    if (running === own) {
      running = null;
      busy(false);
    }
  }
}

function busy(now) {
  the("read").disabled = now || !state.picture;
  the("stop-reading").hidden = !now;
  the("reading-progress").hidden = !now;
  the("findings").setAttribute("aria-busy", String(now));
}

function render() {
  const { reading } = state;
  takeReading(reading);
  the("findings-empty").hidden = Boolean(reading);
  the("read").textContent = reading ? "Read again" : "Read this radiograph";
  the("read").classList.toggle("primary", !reading);
  the("reading").hidden = !reading?.accepted;
  refusal(reading);
  if (!reading?.accepted) return;
  the("sentences").replaceChildren(...reading.sentences.flatMap(sentence));
  the("finding-rows").replaceChildren(...reading.findings.map(row));
  the("finding-rows").parentElement.hidden = reading.findings.length === 0;
  the("about-findings").hidden = reading.findings.length === 0;
  the("no-finding").hidden = reading.findings.length > 0;
  the("contradictions").hidden = reading.contradictions.length === 0;
  const lines = reading.contradictions.map((text) => make("li", {}, `${text}.`));
  the("contradictions").querySelector("ul").replaceChildren(...lines);
  the("anatomy").hidden = reading.regions.length === 0;
  the("region-list").replaceChildren(...reading.regions.map(region));
}

function refusal(reading) {
  const box = the("refused");
  box.hidden = !reading?.refusal;
  if (box.hidden) return;
  const said = reading.forced ? "Read although " : "Not read: ";
  box.replaceChildren(make("p", {}, said, make("strong", {}, reading.refusal), "."));
  if (reading.accepted) return;
  const force = make("button", { type: "button" }, "Read it all the same");
  force.addEventListener("click", () => read(true));
  box.append(make("p", {}, "What the model says of it may mean nothing. "), force);
}

function sentence(line, index) {
  // A span, since a button's text does not break across lines.
  const span = make("span", { role: "button", tabIndex: 0, className: "sentence" }, line.text);
  linkText(span, `sentence-${index}`);
  return [span, " "];
}

function region(one, index) {
  const button = make("button", { type: "button", className: "chip" }, one.name);
  linkText(button, `region-${index}`);
  return button;
}

function row(finding, index) {
  const dot = make("span", { className: "dot", "aria-hidden": "true" });
  if (finding.boxes.length) dot.style.setProperty("--c", colourOf(index));
  const name = make("button", { type: "button", className: "name" }, dot, finding.name);
  linkText(name, `finding-${index}`);
  const head = make("th", { scope: "row" }, name);
  const places = finding.boxes.length === 1 ? "1 box" : `${finding.boxes.length} boxes`;
  const where = finding.boxes.length ? places : finding.status === "present" && "no box";
  const about = [finding.side && side(finding.side), where].filter(Boolean);
  if (about.length) head.append(make("small", {}, about.join(" · ")));
  const made = make("tr", {}, head, status(finding, index), confidence(finding));
  linkText(made, `finding-${index}`);
  return made;
}

const side = (which) => (which === "both" ? "both sides" : `patient's ${which}`);

function status(finding, index) {
  const select = make("select", { "aria-label": `Status of ${finding.name}` });
  for (const one of STATUSES) select.append(make("option", { value: one }, one));
  select.value = state.statuses.get(index) ?? finding.status;
  const note = make("small", { className: "edited" });
  const mark = () => {
    const edited = state.statuses.has(index);
    note.textContent = edited ? `edited; model: ${finding.status}` : "";
    select.classList.toggle("changed", edited);
  };
  select.addEventListener("change", () => {
    if (select.value === finding.status) state.statuses.delete(index);
    else state.statuses.set(index, select.value);
    mark();
    tell("statuses");
  });
  mark();
  return make("td", {}, select, note);
}

function confidence(finding) {
  if (finding.confidence === null) {
    return make("td", {}, make("span", { title: "This model gives none" }, "–"));
  }
  const bar = make("span", { className: "bar", "aria-hidden": "true" });
  bar.style.setProperty("--share", String(finding.confidence));
  return make("td", {}, make("span", {}, finding.confidence.toFixed(2)), bar);
}
