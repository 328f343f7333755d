/** Bringing images in: files, drops, examples, the prior one. */

import * as api from "./api.js";
import { ask, make, say, the } from "./dom.js";
import * as problems from "./problems.js";
import { change, state } from "./state.js";

/** @type {import("./viewer.js").Viewer} */
let current;
/** @type {import("./viewer.js").Viewer} */
let prior;

/** Let files be chosen and dropped. */
export function arm(currentViewer, priorViewer) {
  [current, prior] = [currentViewer, priorViewer];
  the("open").addEventListener("click", start);
  the("choose").addEventListener("click", () => the("file").click());
  the("back").addEventListener("click", hideStart);
  the("add-prior").addEventListener("click", () => the("prior-file").click());
  the("close-prior").addEventListener("click", closePrior);
  for (const [id, act] of [["file", openFile], ["prior-file", openPrior]]) {
    the(id).addEventListener("change", () => {
      const [file] = the(id).files;
      the(id).value = "";
      if (file) act(file);
    });
  }
  armDrops();
}

/** The examples as pictures to choose from. */
export async function listExamples(examples) {
  the("examples-title").hidden = examples.length === 0;
  the("examples").replaceChildren(...examples.map(({ id, title }) => {
    const image = make("img", { alt: "", width: 96, height: 96 });
    thumbnail(image, id);
    const text = title.replace(/^Simulated: /, "");
    const button = make("button", { type: "button" }, image, make("span", {}, text));
    button.addEventListener("click", () => openExample(id, title));
    return make("li", {}, button);
  }));
}

async function thumbnail(image, id) {
  try {
    image.src = URL.createObjectURL(await api.png(id));
  } catch (error) {
    problems.show(error);
  }
}

/** Show the card to open another image. */
export function start() {
  the("start").hidden = false;
  the("back").hidden = !state.picture;
  the("choose").focus();
}

/** Back to the image. */
export function hideStart() {
  if (state.picture) the("start").hidden = true;
}

/** Whether the draft may go; asked where it would be lost. */
async function mayLeave() {
  return !state.unsaved || (await ask("lose")) === "yes";
}

async function openExample(id, title) {
  if (!(await mayLeave())) return;
  await opening(async () => {
    const bitmap = await createImageBitmap(await api.png(id));
    const { width, height } = bitmap;
    bitmap.close();
    await open({ id, width, height, window: null, name: title });
  }, () => openExample(id, title));
}

async function openFile(file) {
  if (!(await mayLeave())) return;
  await opening(async () => open(await take(file)), () => openFile(file));
}

async function open(picture) {
  await current.show(picture);
  problems.clear();
  caption("current", picture, "Current");
  the("start").hidden = true;
  const before = state.picture;
  change({ picture, region: null });
  // Conversation and reading of the one before ended with this change.
  drop(before);
  current.stage.focus({ preventScroll: true });
  say(`Opened, ${picture.width} by ${picture.height} pixels.`);
}

async function openPrior(file) {
  await opening(async () => {
    const [picture, before] = [await take(file), prior.picture];
    the("prior").hidden = false;
    await prior.show(picture);
    drop(before);
    problems.clear();
    caption("prior", picture, "Prior, for you to compare. The model does not see it");
  }, () => openPrior(file));
  the("prior").hidden = !prior.picture;
}

function closePrior() {
  the("prior").hidden = true;
  drop(prior.picture);
  prior.clear();
  the("add-prior").focus();
}

async function take(file) {
  const { id, width, height, window, projection } = await api.upload(file);
  const name = projection && projection !== "UNKNOWN" ? `${projection} view` : file.name;
  return { id, width, height, window, name, url: `radvlm://image/${id}`, uploaded: true };
}

/** Let the server forget a picture that is shown no more. */
async function drop(picture) {
  if (!picture?.uploaded) return;
  try {
    await api.remove(picture.id);
  } catch (error) {
    // It goes within the hour all the same, or has gone already.
    if (!(error instanceof api.Problem)) throw error;
  }
}

async function opening(act, again) {
  problems.clear();
  document.body.classList.add("uploading");
  say("Opening the image");
  try {
    await act();
  } catch (error) {
    problems.show(error, again);
  } finally {
    document.body.classList.remove("uploading");
  }
}

function caption(id, picture, role) {
  picture.url ??= `radvlm://image/${picture.id}`;
  const about = `${picture.name} · ${picture.width} × ${picture.height}`;
  the(id).querySelector("figcaption").replaceChildren(make("strong", {}, role), ` · ${about}`);
}

function armDrops() {
  const files = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!files(event)) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    document.body.classList.remove("dropping");
    if (!files(event)) return;
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    if (event.target.closest?.("#prior")) openPrior(file);
    else openFile(file);
  });
}
