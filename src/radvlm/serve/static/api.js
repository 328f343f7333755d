/** The server's public API. Every failure becomes a `Problem`; the token is kept in memory alone. */

/** What went wrong: the HTTP status (0: no answer), the server's words, seconds to wait. */
export class Problem extends Error {
  constructor(status, message, seconds = 1) {
    super(message);
    this.status = status;
    this.seconds = seconds;
  }
}

const MOST_BYTES = 20 * 1000 ** 2;

let token = "";
/** @type {(again: boolean) => Promise<string>} */
let askToken = async () => "";
/** @type {Promise<string> | null} */
let asking = null;

/** Name who asks a person for the token; "" means none was given. */
export function onToken(ask) {
  askToken = ask;
}

async function send(path, options = {}) {
  const used = token;
  const headers = new Headers(options.headers);
  if (used) headers.set("Authorization", `Bearer ${used}`);
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "");
  }
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (problem.status === 401 && (token !== used || (await newToken(Boolean(used))))) {
    return send(path, options);
  }
  throw problem;
}

async function newToken(again) {
  asking ??= askToken(again).finally(() => {
    asking = null;
  });
  token = await asking;
  return token !== "";
}

async function problemOf(response) {
  let message = "";
  try {
    message = String((await response.json()).error.message);
  } catch {
    // An answer that is none of our server's, say a proxy's page: the status has to do.
  }
  return new Problem(response.status, message, Number(response.headers.get("Retry-After")) || 1);
}

function post(path, value, signal) {
  const headers = { "Content-Type": "application/json" };
  return send(path, { method: "POST", headers, body: JSON.stringify(value), signal });
}

/** The model's card: id, scope, revision. */
export async function model() {
  return (await (await send("v1/models")).json()).data[0];
}

/** @returns {Promise<{id: string, title: string}[]>} */
export async function examples() {
  return (await send("v1/examples")).json();
}

/** Upload a file; its id, size and, where it has stored units, the window. */
export async function upload(file) {
  if (file.size > MOST_BYTES) throw new Problem(413, "");
  const body = new FormData();
  body.append("file", file, "image");
  return (await send("v1/images", { method: "POST", body })).json();
}

/** The picture as PNG, in the window given or the usual one. */
export async function png(id, window = null, signal = undefined) {
  const query = window ? `?center=${window.center}&width=${window.width}` : "";
  return (await send(`v1/images/${encodeURIComponent(id)}.png${query}`, { signal })).blob();
}

/** Let the server forget an upload before its hour is over. */
export async function remove(id) {
  await send(`v1/images/${encodeURIComponent(id)}`, { method: "DELETE" });
}

/** The reading of an image. */
export async function read(url, force, signal) {
  return (await post("v1/read", { image: url, force }, signal)).json();
}

/** Whether images can be explained here, and the attributes they can be changed in. */
export async function explainable() {
  return (await send("v1/explain")).json();
}

/** An image changed in one attribute; `add` is null for the opposite of what its probe sees. */
export async function explain(image, attribute, add, signal) {
  return (await post("v1/explain", { image, attribute, add }, signal)).json();
}

/** A report as PDF. */
export async function pdf(text, reading) {
  return (await post("v1/report.pdf", { text, reading })).blob();
}

/**
 * The events of an answer as it is written.
 * @param {{role: string, content: any}[]} messages
 */
export async function* chat(messages, signal) {
  const response = await post("v1/chat/completions", { messages, stream: true }, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Problem(0, "the answer broke off");
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const data = block.replace(/^data: ?/, "");
      if (data === "[DONE]") return;
      const event = JSON.parse(data);
      if (event.error) throw new Problem(500, String(event.error.message));
      yield event;
    }
  }
}
