/** Asking for a changed image: which attribute, which way; seconds of work that can be stopped. */

import * as api from "./api.js";
import { make, say, the } from "./dom.js";
import { clear, present } from "./explained.js";
import * as problems from "./problems.js";
import { hear, state } from "./state.js";

const WAYS = { auto: null, add: true, remove: false };

/** @type {AbortController | null} */
let running = null;
/** @type {Map<string, {auc: number, interval: [number, number]}>} */
let probes = new Map();

/** Let the form work. */
export function arm() {
  the("explain-form").addEventListener("submit", (event) => {
    event.preventDefault();
    explain();
  });
  the("explain-stop").addEventListener("click", () => running?.abort());
  the("attribute").addEventListener("change", tellAuc);
  hear("picture", () => {
    running?.abort();
    running = null;
    clear();
    refuse("");
    busy(false);
  });
}

/** Show the tab where the server can explain, with what it can change. */
export function offer(explainable) {
  the("tab-explain").hidden = !explainable.available;
  probes = new Map(explainable.attributes.map((one) => [one.name, one]));
  const options = [...probes.keys()].map((name) => make("option", { value: name }, name));
  the("attribute").replaceChildren(...options);
  tellAuc();
}

function tellAuc() {
  const probe = probes.get(the("attribute").value);
  if (!probe) return;
  const [low, high] = probe.interval.map((end) => end.toFixed(3));
  const auc = `AUC ${probe.auc.toFixed(3)} (${low} to ${high})`;
  the("attribute-auc").textContent = `Its probe has ${auc} on test patients.`;
}

async function explain() {
  const { picture } = state;
  const attribute = the("attribute").value;
  if (!picture || !attribute || running) return;
  const own = new AbortController();
  running = own;
  problems.clear();
  refuse("");
  busy(true);
  try {
    const way = the("explain-form").elements.namedItem("way").value;
    const made = await api.explain(picture.url, attribute, WAYS[way], own.signal);
    if (running !== own) return;
    present(made, picture);
    say(made.valid ? `${made.said}.` : `No valid counterfactual of ${attribute}.`);
  } catch (error) {
    if (running === own) failed(error);
  } finally {
    if (running === own) {
      running = null;
      busy(false);
    }
  }
}

/** What the server refuses for good is said here, all else where every problem is. */
function failed(error) {
  if (error instanceof api.Problem && error.status === 400) {
    clear();
    refuse(error.message);
    say("The image was not explained.");
  } else problems.show(error, explain);
}

function refuse(why) {
  const box = the("explain-refused");
  box.hidden = !why;
  box.replaceChildren("Not explained: ", make("strong", {}, why), ".");
}

function busy(now) {
  the("explain-empty").hidden = Boolean(state.picture);
  the("explain-go").disabled = now || !state.picture;
  the("explain-stop").hidden = !now;
  the("explain-progress").hidden = !now;
  the("explain").setAttribute("aria-busy", String(now));
}
