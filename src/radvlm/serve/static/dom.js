/** Elements made from code. Texts become text nodes: nothing here ever parses markup. */

/** The element of that id. */
export const the = (id) => document.getElementById(id);

/**
 * A new element; properties are set, `aria-…`, `data-…`, `role` and the like are attributes.
 * @param {string} tag
 * @param {Record<string, any>} [about]
 * @param {...(Node | string)} inside
 */
export function make(tag, about = {}, ...inside) {
  const made = document.createElement(tag);
  dress(made, about);
  made.append(...inside);
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

/** A new SVG element. */
export function draw(tag, attributes = {}, ...inside) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...inside);
  return made;
}

function dress(element, about) {
  for (const [name, value] of Object.entries(about)) {
    if (name in element && !name.includes("-")) element[name] = value;
    else element.setAttribute(name, value);
  }
}

/** Ask in a dialog; what its button says, "" where it was closed. */
export function ask(id) {
  const dialog = /** @type {HTMLDialogElement} */ (the(id));
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener("close", () => done(dialog.returnValue), { once: true });
  });
}

/** Let the buttons of the dialogs close them. */
export function armDialogs() {
  for (const button of document.querySelectorAll("dialog [data-answer]")) {
    button.addEventListener("click", () => button.closest("dialog").close(button.dataset.answer));
  }
}

/** Say something to those who do not see the page. */
export function say(text) {
  the("status").textContent = text;
}
