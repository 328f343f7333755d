/** Errors in plain words, in a live region, with a way on where there is one. */

import { Problem } from "./api.js";
import { make, the } from "./dom.js";

const MEANING = {
  0: "The server does not answer. Is it still running?",
  400: "The server did not understand this.",
  401: "Without the token the server answers nothing.",
  408: "The upload was too slow and was given up.",
  413: "This file is too large; the server takes up to 20 MB.",
  422: "This image cannot be used.",
  429: "The server has too much to do just now.",
  500: "The model or the server failed. Other questions may still work.",
  503: "The server is busy or just starting.",
};
/** Where trying again may help. */
const PASSING = new Set([0, 408, 429, 500, 503]);

/** What a problem means, without the server's own words. */
export function meaning(problem) {
  return MEANING[problem.status] ?? `The server refused (status ${problem.status}).`;
}

/**
 * Show what went wrong; `again` is offered where it may help.
 * @param {unknown} error
 * @param {(() => void) | null} again
 */
export function show(error, again = null) {
  if (error instanceof Error && error.name === "AbortError") return;
  if (!(error instanceof Problem)) throw error;
  const said = error.message && !meaning(error).includes(error.message) ? error.message : "";
  const line = make("p", { className: "alert" }, make("strong", {}, meaning(error)));
  if (said) line.append(" ", make("span", {}, `The server says: ${said}.`));
  const buttons = make("span", { className: "row" });
  if (again && PASSING.has(error.status)) buttons.append(retry(error, again));
  const close = make("button", { type: "button" }, "Dismiss");
  close.addEventListener("click", clear);
  buttons.append(close);
  line.append(buttons);
  the("alerts").replaceChildren(line);
}

/** Take away what was shown. */
export function clear() {
  the("alerts").replaceChildren();
}

function retry(problem, again) {
  const button = make("button", { type: "button", disabled: true }, "Try again");
  setTimeout(() => {
    button.disabled = false;
  }, Math.min(problem.seconds, 60) * 1000);
  button.addEventListener("click", () => {
    clear();
    again();
  });
  return button;
}
