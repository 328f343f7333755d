/** A changed image: a slider from rebuilt to changed, the difference, probes, the model's answer. */

import { make, the } from "./dom.js";

/** The explanation that is shown, as `POST /v1/explain` gives it. @type {any} */
let shown = null;

the("step").addEventListener("input", draw);
the("difference").addEventListener("change", draw);

/** Show nothing. */
export function clear() {
  shown = null;
  the("explained").hidden = true;
}

/**
 * Show an explanation, the slider at its end.
 * @param {any} made
 * @param {import("./state.js").Picture} picture  whose proportions the squares get back
 */
export function present(made, picture) {
  shown = made;
  const step = the("step");
  step.max = made.frames.length - 1;
  step.value = step.max;
  the("difference").checked = false;
  the("explained").style.setProperty("--ratio", String(picture.width / picture.height));
  the("explained-original").src = made.original;
  the("explained-rebuilt").src = made.frames[0];
  the("explained-said").textContent = made.valid
    ? `${made.said}${made.amplitude ? `, a step of ${made.amplitude.toFixed(1)} SD` : ""}`
    : `${made.attribute}: ${made.said}`;
  the("step-end").textContent = made.valid ? "changed" : "furthest tried";
  warn(made);
  the("score-rows").replaceChildren(...rows(made));
  the("explained-psnr").textContent =
    "Compare with the rebuilt image, not with the original: rebuilding alone changes it " +
    `(${made.psnr.toFixed(1)} dB).`;
  the("explained-scope").textContent = made.scope;
  the("explained-notice").textContent = made.notice;
  draw();
  the("explained").hidden = false;
}

function warn(made) {
  const lines = [];
  if (!made.valid) {
    lines.push(
      "No step within reach changes the probe's answer as far as asked. The pictures show the " +
        "furthest that was tried; nothing follows from them.",
    );
  }
  const box = the("explained-warn");
  const badges = made.moved.map((name) => make("strong", { className: "badge" }, name));
  box.replaceChildren(...lines.map((line) => make("p", {}, line)));
  if (badges.length) box.append(make("p", { className: "row" }, "Moved along: ", ...badges));
  box.hidden = !box.hasChildNodes();
}

/** The picture at the slider's place, and what belongs to it. */
function draw() {
  if (!shown) return;
  const step = the("step");
  const place = Number(step.value);
  const last = shown.frames.length - 1;
  const different = the("difference").checked;
  step.disabled = different;
  const end = the("step-end").textContent;
  const between = `${Math.round((100 * place) / last)} % of the change`;
  const name = different ? "difference" : place === 0 ? "rebuilt" : place === last ? end : between;
  const image = the("explained-picture");
  image.src = different ? shown.difference : shown.frames[place];
  image.alt = different
    ? "Where the whole change made the rebuilt image brighter or darker"
    : `Radiograph made by a generative model: ${name}`;
  the("explained-caption").textContent = name;
  const answer = answerAt(place);
  the("own-answer").hidden = different || !answer;
  the("own-answer").textContent = answer;
  step.setAttribute("aria-valuetext", answer ? `${name}. ${answer}` : name);
}

/** The served model's own answer to "Is there …?" for a frame, "" where it gives none. */
function answerAt(place) {
  if (!shown.asked) return "";
  const sure = percent(shown.asked[place]);
  return `The model's own probability of ${shown.attribute} in this picture: ${sure}`;
}

function rows(made) {
  const names = Object.keys(made.scores).filter((name) => name !== made.attribute);
  const known = made.attribute in made.scores ? [made.attribute] : [];
  return [...known, ...names].map((name) => {
    const [before, after] = made.scores[name];
    const head = make("th", { scope: "row" }, name === made.attribute ? make("b", {}, name) : name);
    if (made.moved.includes(name)) {
      head.append(make("small", {}, make("strong", { className: "badge" }, "moved along")));
    }
    return make("tr", {}, head, make("td", {}, chance(before)), make("td", {}, chance(after)));
  });
}

const chance = (logit) => percent(1 / (1 + Math.exp(-logit)));

/** A probability in per cent; the ends are never said to be certain. */
function percent(p) {
  if (p < 0.01) return "< 1 %";
  return p > 0.99 ? "> 99 %" : `${Math.round(100 * p)} %`;
}
