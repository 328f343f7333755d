/** The draft: the model's text, a person's edits, and the ways out: copy, text, JSON, PDF. */

import * as api from "./api.js";
import { make, say, the } from "./dom.js";
import * as problems from "./problems.js";
import { change, hear, state } from "./state.js";

const NOTICE = "Research use only; not a medical device and not for diagnosis.";

/** Let the buttons work. */
export function arm() {
  const draft = the("draft");
  draft.addEventListener("input", weigh);
  hear("statuses", weigh);
  hear("reading", (reading) => {
    if (!reading) fill("");
    else if (!draft.value.trim()) fill(reading.report);
    else tellState();
  });
  hear("unsaved", tellState);
  hear("quote", quote);
  the("take").addEventListener("click", take);
  the("copy").addEventListener("click", copy);
  the("save-text").addEventListener("click", () => save(asText(), "text/plain", "txt"));
  the("save-json").addEventListener("click", () => save(asJson(), "application/json", "json"));
  the("save-pdf").addEventListener("click", pdf);
  window.addEventListener("beforeunload", (event) => {
    if (state.unsaved) event.preventDefault();
  });
}

/** Whether a person has put in what the model did not say. */
function weigh() {
  const text = the("draft").value;
  const own = text.trim() !== "" && text !== state.reading?.report;
  change({ unsaved: own || state.statuses.size > 0 });
}

function fill(text) {
  the("draft").value = text;
  change({ unsaved: false });
}

/** The model's text in place of the draft; typed in, so that the browser's undo brings it back. */
function take() {
  const draft = the("draft");
  draft.focus();
  draft.select();
  document.execCommand("insertText", false, state.reading.report);
}

function quote(text) {
  const draft = the("draft");
  draft.value = [draft.value.trimEnd(), text].filter(Boolean).join("\n");
  weigh();
  say("Added to the draft.");
}

function tellState() {
  const own = state.reading?.report && the("draft").value === state.reading.report;
  const changed = state.unsaved ? "Changed and not exported." : "";
  the("take").hidden = Boolean(own) || !state.reading?.report;
  the("draft-state").textContent = own ? "The model's text, unchanged." : changed;
}

function asText() {
  const about = [NOTICE, state.scope, `Model: ${state.model}`, ""];
  return [...about, the("draft").value.trim(), ""].join("\n");
}

function asJson() {
  const findings = (state.reading?.findings ?? []).map((one, k) => ({
    name: one.name,
    status: state.statuses.get(k) ?? one.status,
    model_status: one.status,
    edited: state.statuses.has(k),
  }));
  const { model, scope, reading, turns } = state;
  const draft = the("draft").value;
  const all = { notice: NOTICE, scope, model, draft, findings, reading, conversation: turns };
  return JSON.stringify(all, null, 2);
}

/** The reading with the person's statuses, each beside the model's. */
function edited() {
  if (!state.reading) return null;
  const findings = state.reading.findings.map((one, k) => {
    const own = state.statuses.get(k);
    return own ? { ...one, status: `${own} (edited; model: ${one.status})` } : one;
  });
  return { ...state.reading, findings };
}

async function copy() {
  try {
    await navigator.clipboard.writeText(asText());
    done("Copied.");
  } catch {
    // Without https the clipboard is closed to pages; the person's own keys still work.
    the("draft").select();
    the("draft-state").textContent = "The browser does not let this page copy: press Ctrl+C.";
  }
}

async function pdf() {
  const button = the("save-pdf");
  button.disabled = true;
  try {
    save(await api.pdf(the("draft").value, edited()), "application/pdf", "pdf");
  } catch (error) {
    problems.show(error, pdf);
  } finally {
    button.disabled = false;
  }
}

function save(content, type, ending) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  make("a", { href: url, download: `radvlm-draft.${ending}` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
  done(`Saved as radvlm-draft.${ending}.`);
}

function done(text) {
  change({ unsaved: false });
  the("draft-state").textContent = text;
  say(text);
}
