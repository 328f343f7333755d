/** Turns of the conversation as text, with their boxes linked both ways. */

import { make } from "./dom.js";
import { ANSWER, linkText, QUESTION } from "./links.js";

const SENTENCE = /(?<=[.!?])\s+(?=[A-Z])/;

/** Boxes the way a question carries them to the server. */
export const written = (box) => `[${box.map((side) => side.toFixed(3)).join(", ")}]`;

/** Text and boxes as one text, boxes written as the server reads them. */
export function asText(parts) {
  return parts
    .map((part) => (typeof part === "string" ? part : part.map(written).join(" ")))
    .join("");
}

/**
 * A turn's text with a chip for each box, and the marks of its boxes.
 * @param {(string | import("./state.js").Box[])[]} parts
 * @param {number} turn  index in the conversation
 * @param {"user" | "assistant"} role
 * @returns {{elements: Node[], marks: import("./state.js").Mark[]}}
 */
export function linked(parts, turn, role) {
  const marks = [];
  const elements = [];
  let line = newLine(turn, elements.length);
  const close = () => {
    elements.push(line.element);
    line = newLine(turn, elements.length);
  };
  for (const part of parts) {
    if (typeof part === "string") {
      part.split(SENTENCE).forEach((text, k, all) => {
        line.element.append(text);
        if (k === all.length - 1) return;
        line.element.append(" ");
        close();
      });
    } else {
      for (const box of part) {
        const number = marks.length + 1;
        marks.push(markOf(box, number, line.key, role));
        line.element.append(chip(box, number, line.key, role));
      }
    }
  }
  close();
  for (const one of elements) if (!one.querySelector("button")) one.removeAttribute("data-key");
  return { elements, marks };
}

function newLine(turn, index) {
  const key = `answer-${turn}-${index}`;
  const element = make("span", { className: "said" });
  linkText(element, key);
  return { key, element };
}

function markOf(box, number, key, role) {
  const [label, colour] = role === "user" ? ["Asked", QUESTION] : [`Answer ${number}`, ANSWER];
  const id = `${key}-box-${number}`;
  return { id, box, label, colour, layer: "answers", links: [key, id] };
}

function chip(box, number, key, role) {
  const percent = box.map((side) => Math.round(100 * side));
  const place = `${percent[0]} to ${percent[2]} % across, ${percent[1]} to ${percent[3]} % down`;
  const about = {
    type: "button",
    className: `chip of-${role}`,
    title: place,
    "aria-label": `Box ${number}: ${place}`,
  };
  const button = make("button", about, role === "user" ? "region" : `box ${number}`);
  linkText(button, `${key}-box-${number}`);
  return button;
}
