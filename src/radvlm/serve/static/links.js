/**
 * Which box belongs to which text, and what is highlighted.
 *
 * Texts have keys: `finding-0`, `sentence-2`, `region-1`, `answer-3-0`. A mark lists the keys of its
 * texts. A person points at a text or at a box; both ways, what belongs to it is lit.
 */

import { tell } from "./state.js";

/** Okabe and Ito (2008), bright ones: told apart with any colour vision. */
const PALETTE = ["#56B4E9", "#E69F00", "#CC79A7", "#2ec49a", "#ff8a3d"];
export const ANSWER = "#F0E442";
export const QUESTION = "#ffffff";
const REGION = "#b7c4cc";

/** The colour of the finding of that index. */
export const colourOf = (index) => PALETTE[index % PALETTE.length];

/** @type {import("./state.js").Mark[]} */
let ofReading = [];
/** @type {import("./state.js").Mark[]} */
let ofAnswers = [];
/** Texts that belong together without a box. @type {Map<string, string[]>} */
let partners = new Map();
let pinned = null;

/** All marks. */
export const marks = () => [...ofReading, ...ofAnswers];

/** The boxes of a reading; a sentence's box that is a finding's too is one mark. */
export function takeReading(reading) {
  ofReading = [];
  partners = new Map();
  pinned = null;
  if (reading) {
    reading.findings.forEach((one, k) => takeFinding(one, k));
    reading.sentences.forEach((one, k) => takeSentence(one, k, reading.findings));
    reading.regions.forEach((one, k) => {
      const links = [`region-${k}`];
      ofReading.push(mark(links[0], one.box, one.name, REGION, "regions", links));
    });
  }
  tell("marks");
  light(null);
}

const mark = (id, box, label, colour, layer, links) => ({ id, box, label, colour, layer, links });

function takeFinding(finding, index) {
  const key = `finding-${index}`;
  const links = [key];
  if (finding.sentence !== null) {
    links.push(`sentence-${finding.sentence}`);
    partners.set(key, [`sentence-${finding.sentence}`]);
    const back = partners.get(`sentence-${finding.sentence}`) ?? [];
    partners.set(`sentence-${finding.sentence}`, [...back, key]);
  }
  finding.boxes.forEach((box, k) => {
    const label = finding.name;
    ofReading.push(mark(`${key}-${k}`, box, label, colourOf(index), "findings", links));
  });
}

function takeSentence(sentence, index, findings) {
  const key = `sentence-${index}`;
  const about = findings.findIndex((one) => one.sentence === index && one.boxes.length);
  sentence.boxes.forEach((box, k) => {
    const same = ofReading.find((one) => one.box.every((side, i) => side === box[i]));
    if (same?.links.includes(key)) return;
    const colour = about < 0 ? REGION : colourOf(about);
    const label = `Sentence ${index + 1}`;
    ofReading.push(mark(`${key}-${k}`, box, label, colour, "sentences", [key]));
  });
}

/** Boxes of the newest question or answer; `fresh` puts the ones before out of sight. */
export function takeAnswer(found, fresh) {
  if (fresh) for (const one of ofAnswers) one.layer = "earlier";
  ofAnswers.push(...found);
  tell("marks");
  if (fresh) pin(null);
}

/** Forget the boxes of the conversation. */
export function dropAnswers() {
  ofAnswers = [];
  tell("marks");
  light(null);
}

/** What belongs to a source: a mark's id or a text's key. */
function belonging(source) {
  const own = marks().find((one) => one.id === source.mark);
  if (own) return { marks: new Set([own.id]), keys: new Set(own.links) };
  const lit = marks().filter((one) => one.links.includes(source.key));
  const keys = [source.key, ...(partners.get(source.key) ?? [])];
  return { marks: new Set(lit.map((one) => one.id)), keys: new Set(keys) };
}

/**
 * Light what belongs to a source while it is pointed at; null returns to what is pinned.
 * @param {{mark?: string, key?: string} | null} source
 */
export function light(source) {
  const shown = source ?? pinned;
  const found = shown ? belonging(shown) : { marks: new Set(), keys: new Set() };
  for (const text of document.querySelectorAll("[data-key]")) {
    text.classList.toggle("lit", found.keys.has(text.dataset.key));
  }
  tell("light", found);
}

const same = (a, b) => a?.mark === b?.mark && a?.key === b?.key;

/** Keep a source lit; a second time, or null, lets it go. Whether it is lit now. */
export function pin(source) {
  pinned = same(pinned, source) ? null : source;
  for (const one of document.querySelectorAll("[data-key][aria-pressed]")) {
    one.setAttribute("aria-pressed", String(one.dataset.key === pinned?.key));
  }
  light(null);
  if (pinned?.key) tell("pinned", pinned.key);
  return pinned !== null;
}

/** Let a text light its boxes: by pointer, by focus, and for longer by a click. */
export function linkText(element, key) {
  element.dataset.key = key;
  element.addEventListener("pointerenter", () => light({ key }));
  element.addEventListener("pointerleave", () => light(null));
  if (element.matches("button, [role=button]")) {
    element.setAttribute("aria-pressed", "false");
    element.addEventListener("keydown", (event) => {
      if (element.localName === "button" || (event.key !== "Enter" && event.key !== " ")) return;
      event.preventDefault();
      element.click();
    });
    element.addEventListener("focus", () => light({ key }));
    element.addEventListener("blur", () => light(null));
    element.addEventListener("click", () => pin({ key }));
  }
}
