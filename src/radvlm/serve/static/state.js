/**
 * What the page knows, and how its parts hear of changes. Nothing of it outlives the page.
 *
 * @typedef {[number, number, number, number]} Box  x1, y1, x2, y2 as fractions of the image
 * @typedef {{id: string, url: string, width: number, height: number, name: string,
 *   uploaded?: boolean, window: {center: number, width: number, low: number, high: number} | null}} Picture
 * @typedef {{id: string, box: Box, label: string, colour: string, layer: string,
 *   links: string[]}} Mark  a box on the image, and the texts it belongs to
 */

export const state = {
  /** The model's name and what it was trained on. */
  model: "",
  scope: "",
  /** @type {Picture | null} */
  picture: null,
  /** The reading as the server gave it, see docs/reading.md. @type {any} */
  reading: null,
  /** Statuses a person has changed, by the index of the finding. @type {Map<number, string>} */
  statuses: new Map(),
  /** What was said, boxes written as [x1, y1, x2, y2]. @type {{role: string, text: string}[]} */
  turns: [],
  /** A drawn region. @type {Box | null} */
  region: null,
  tool: "pan",
  /** Whether a draft or a status would be lost. */
  unsaved: false,
};

const bus = new EventTarget();

/** Tell that something has changed. */
export function tell(name, detail = null) {
  bus.dispatchEvent(new CustomEvent(name, { detail }));
}

/** Hear of a change of a field of `state`, or of what a module tells: `marks`, `light`, `quote` … */
export function hear(name, act) {
  bus.addEventListener(name, (event) => act(event.detail));
}

/** Change what is known, and tell it by the names of the fields. */
export function change(fields) {
  Object.assign(state, fields);
  for (const name of Object.keys(fields)) tell(name, fields[name]);
}
