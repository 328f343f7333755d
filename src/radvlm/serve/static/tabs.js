/** The three panels: one is seen, arrows go between their tabs. */

import { the } from "./dom.js";

const NAMES = ["findings", "ask", "report"];

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
  NAMES.forEach((name, k) => {
    const tab = the(`tab-${name}`);
    tab.addEventListener("click", () => show(name));
    tab.addEventListener("keydown", (event) => {
      const to = { ArrowRight: k + 1, ArrowLeft: k - 1, Home: 0, End: NAMES.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      const next = NAMES[(to + NAMES.length) % NAMES.length];
      show(next);
      the(`tab-${next}`).focus();
    });
  });
}
