/** The conversation: questions, answers as they are written, suggestions, follow-ups. */

import * as api from "./api.js";
import { make, say, the } from "./dom.js";
import { dropAnswers, takeAnswer } from "./links.js";
import { asText, linked, written } from "./messages.js";
import * as problems from "./problems.js";
import { change, hear, state, tell } from "./state.js";

const USUAL = [
  "Write a report of this radiograph.",
  "Which abnormalities are present?",
  "Find and locate all abnormalities.",
  "Where is the heart?",
  "Is there a pleural effusion?",
];
const HERE = "What is here?";
/** Follow-ups that make sense after an answer. */
const FURTHER = ["On which side?", "How severe is it?"];
/** Messages a request may hold; one more than is kept would be refused. */
const MOST_TURNS = 62;

/** @type {AbortController | null} */
let running = null;

/** Let the composer work. */
export function arm() {
  const box = the("question");
  the("form").addEventListener("submit", (event) => {
    event.preventDefault();
    ask(box.value);
  });
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    ask(box.value);
  });
  the("stop").addEventListener("click", () => running?.abort());
  the("forget").addEventListener("click", forget);
  hear("picture", forget);
  hear("reading", suggest);
  hear("region", suggest);
  suggest();
}

/** Begin anew. */
function forget() {
  running?.abort();
  running = null;
  state.turns = [];
  the("messages").replaceChildren();
  dropAnswers();
  busy(false);
  suggest();
}

/** Ask; with a drawn region the question is about it. */
export async function ask(question) {
  const text = question.trim() || (state.region ? HERE : "");
  if (!text || !state.picture || running) return;
  const { region } = state;
  const parts = region ? [`${text} `, [region]] : [text];
  const turn = { role: "user", text: region ? `${text} ${written(region)}` : text };
  const item = add("user", parts, true);
  state.turns = [...state.turns, turn].slice(-MOST_TURNS);
  the("question").value = "";
  change({ region: null });
  await answer(() => undo(turn, item, text, region));
}

/** A question that failed is taken back, and stands in the composer again. */
function undo(turn, item, text, region) {
  state.turns = state.turns.filter((one) => one !== turn);
  item.remove();
  dropAnswers();
  for (const one of the("messages").children) takeAnswer(one.marks ?? [], false);
  the("question").value = text;
  change({ region });
}

async function answer(failed) {
  const own = new AbortController();
  running = own;
  problems.clear();
  busy(true);
  const body = make("p", { className: "text" });
  const item = make("li", { className: "assistant", "aria-busy": "true" }, who("assistant"), body);
  the("messages").append(item);
  let text = "";
  let frame = 0;
  const grow = () => {
    body.textContent = text;
    item.scrollIntoView({ block: "end" });
  };
  try {
    for await (const event of api.chat(messages(), own.signal)) {
      const [choice] = event.choices;
      text += choice.delta.content ?? "";
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(grow);
      if (choice.delta.radvlm) finish(item, choice.delta.radvlm.parts);
    }
  } catch (error) {
    item.remove();
    if (error.name === "AbortError" && text && running === own) finish(cut(), [text, " … (stopped)"]);
    else if (running === own) {
      failed();
      problems.show(error, () => ask(the("question").value));
    }
  } finally {
    if (running === own) {
      running = null;
      busy(false);
    }
  }
}

/** The place for an answer that was stopped. */
function cut() {
  const item = make("li", { className: "assistant" }, who("assistant"), make("p"));
  the("messages").append(item);
  return item;
}

function finish(item, parts) {
  item.remove();
  const text = asText(parts).trim();
  state.turns = [...state.turns, { role: "assistant", text }];
  const made = add("assistant", parts, false);
  const take = make("button", { type: "button", className: "link" }, "Add to draft");
  take.addEventListener("click", () => tell("quote", plain(parts)));
  made.append(take);
  say(plain(parts));
}

/** An answer without its coordinates, for the draft. */
function plain(parts) {
  const text = parts.filter((part) => typeof part === "string").join("");
  return text.replace(/\s+/g, " ").replace(/\s*(?:\bat|:)?\s*(?=[.,;]|$)/g, "").trim();
}

function add(role, parts, fresh) {
  const index = the("messages").childElementCount;
  const { elements, marks } = linked(parts, index, role);
  const body = make("p", { className: "text" }, ...elements);
  const item = make("li", { className: role }, who(role), body);
  item.marks = marks;
  the("messages").append(item);
  takeAnswer(marks, fresh);
  item.scrollIntoView({ block: "nearest" });
  the("ask-empty").hidden = true;
  the("forget").hidden = false;
  return item;
}

const who = (role) => make("span", { className: "who" }, role === "user" ? "You" : "Model");

/** The request's messages: the image stands in the first question. */
function messages() {
  const image = { type: "image_url", image_url: { url: state.picture.url } };
  return state.turns.map(({ role, text }, k) => ({
    role,
    content: k === 0 ? [image, { type: "text", text }] : text,
  }));
}

function busy(now) {
  the("send").disabled = now || !state.picture;
  the("send").hidden = now;
  the("stop").hidden = !now;
  the("ask-empty").hidden = the("messages").childElementCount > 0;
  the("forget").hidden = the("messages").childElementCount === 0;
  suggest(now);
}

function suggest(now = null) {
  const asking = now === true;
  const present = (state.reading?.findings ?? []).filter((one) => one.status === "present");
  const found = present.map((one) => `Where is the ${one.name.toLowerCase()}?`);
  const further = state.turns.length ? FURTHER : [];
  const all = state.region ? [HERE] : [...further, ...found.slice(0, 2), ...USUAL].slice(0, 5);
  const asked = new Set(state.turns.map((turn) => turn.text));
  const buttons = all
    .filter((text) => state.region || !asked.has(text))
    .map((text) => {
      const disabled = !state.picture || asking;
      const button = make("button", { type: "button", className: "chip", disabled }, text);
      button.addEventListener("click", () => ask(text));
      return button;
    });
  the("suggestions").replaceChildren(...buttons);
  the("question").placeholder = state.region ? HERE : "Ask about this image";
}
