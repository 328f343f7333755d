/** The panels: one is seen, arrows go between the tabs that are there. */

import { the } from "./dom.js";

const NAMES = ["findings", "ask", "report", "explain"];

/** Show a panel. */
export function show(name) {
  for (const one of NAMES) {
    const tab = the(`tab-${one}`);
    tab.setAttribute("aria-selected", String(one === name));
    tab.tabIndex = one === name ? 0 : -1;
    the(one).hidden = one !== name;
  }
}

/** Whether a panel is seen. */
export const shown = (name) => !the(name).hidden;

/** Let clicks and arrow keys choose. */
export function arm() {
  for (const name of NAMES) {
    const tab = the(`tab-${name}`);
    tab.addEventListener("click", () => show(name));
    tab.addEventListener("keydown", (event) => {
      const there = NAMES.filter((one) => !the(`tab-${one}`).hidden);
      const k = there.indexOf(name);
      const to = { ArrowRight: k + 1, ArrowLeft: k - 1, Home: 0, End: there.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      const next = there[(to + there.length) % there.length];
      show(next);
      the(`tab-${next}`).focus();
    });
  }
}
