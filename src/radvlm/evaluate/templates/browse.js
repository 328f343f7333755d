"use strict";
// Draws the examples a page at a time. Texts of the data only ever become text nodes.
(() => {
  const { metrics, examples, pictures } = JSON.parse(document.getElementById("data").textContent);
  const PER_PAGE = 20, LONGER = 256, SVG = "http://www.w3.org/2000/svg";
  const at = (id) => document.getElementById(id);
  const list = at("list"), controls = at("controls");
  const words = (name) => name[0].toUpperCase() + name.slice(1).replaceAll("_", " ");
  const state = { page: 0, by: "", group: "", order: [] };

  // Where in a turn's figures each metric stands: the metrics of a task come in one order.
  const place = metrics.map((one, k) => metrics.slice(0, k).filter((other) => other.task === one.task).length);
  const haystacks = examples.map(() => null);

  function element(tag, attributes = {}, ...children) {
    const svg = tag === "svg" || tag === "g" || tag === "rect" || tag === "text" || tag === "title";
    const made = svg ? document.createElementNS(SVG, tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  // ---- which examples, in which order

  function haystack(index) {
    const one = examples[index];
    haystacks[index] ??= [one.id, ...one.turns.flatMap((t) => [t.question, t.answer, t.reference])]
      .join("\n").toLowerCase();
    return haystacks[index];
  }

  function rank(index, sort) {
    const turns = examples[index].turns;
    if (sort === "failed") return -turns.filter((turn) => turn.failure).length;
    const [number, worst] = sort.split(" "), metric = metrics[number];
    if (examples[index].task !== metric.task) return Infinity;
    const sign = metric.lower === (worst === "worst") ? -1 : 1;
    const values = turns.map((turn) => turn.figures[place[number]]).filter((value) => value != null);
    return values.length ? Math.min(...values.map((value) => sign * value)) : Infinity;
  }

  function select() {
    const task = at("task").value, show = at("show").value, sort = at("sort").value;
    const text = at("text").value.trim().toLowerCase();
    const kept = examples.map((_, index) => index).filter((index) => {
      const one = examples[index];
      return (!task || one.task === task)
        && (!state.group || one.groups[state.by] === state.group)
        && (!show || one.turns.some((turn) => turn[show]))
        && (!text || haystack(index).includes(text));
    });
    if (sort) {
      const ranks = new Map(kept.map((index) => [index, rank(index, sort)]));
      const compare = (a, b) => (ranks.get(a) === ranks.get(b) ? a - b : ranks.get(a) < ranks.get(b) ? -1 : 1);
      kept.sort(compare);
    }
    state.order = kept;
    turnTo(0);
  }

  function turnTo(page) {
    const pages = Math.max(1, Math.ceil(state.order.length / PER_PAGE));
    state.page = Math.min(Math.max(page, 0), pages - 1);
    const shown = state.order.slice(state.page * PER_PAGE, (state.page + 1) * PER_PAGE);
    list.replaceChildren(...shown.map((index) => card(examples[index])));
    if (!shown.length) list.append(element("p", { class: "none-left" }, "No example is like that."));
    const where = `page ${state.page + 1} of ${pages}`;
    at("status").textContent = `${state.order.length.toLocaleString("en")} of ${examples.length.toLocaleString("en")} examples, ${where}`;
    at("below").textContent = where;
    for (const button of document.querySelectorAll("[data-step]"))
      button.disabled = button.dataset.step < 0 ? state.page === 0 : state.page === pages - 1;
  }

  // ---- one example

  function card(one) {
    const turns = one.turns.map((turn, number) => round(one, turn, number));
    const made = element("article", { class: "card example", tabindex: "-1", "aria-label": `${words(one.task)} ${one.id}` },
      look(one), element("div", { class: "turns" },
        element("h3", {}, element("span", {}, words(one.task)), element("code", {}, one.id)), ...turns));
    const boxes = [...made.querySelectorAll(".box")];
    if (new Set(boxes.map((box) => box.dataset.turn)).size > 1)
      turns.forEach((turn, number) => {
        const only = (which) => boxes.forEach((box) => box.classList.toggle("faint", which !== null && box.dataset.turn !== which));
        turn.addEventListener("pointerenter", () => only(String(number)));
        turn.addEventListener("pointerleave", () => only(null));
      });
    return made;
  }

  function look(one) {
    const frame = element("div", { class: "xray" });
    if (one.picture === null) frame.append(element("p", { class: "missing" }, `Image not shown: ${one.missing}`));
    else {
      const picture = pictures[one.picture];
      const count = (kind) => one.turns.reduce((sum, turn) => sum + turn[kind].length, 0);
      const alt = `Chest radiograph; boxes: ${count("predicted")} predicted, ${count("true")} true`;
      frame.append(element("img", { src: picture.uri, alt, width: picture.width, height: picture.height }), overlay(one, picture));
    }
    const about = ["view", "sex", "age", "source"].map((by) => one.groups[by]).filter((group) => group && group.toLowerCase() !== "unknown");
    if (one.images > 1) about.push(`first of ${one.images} images`);
    const lines = [element("p", {}, (one.other ? "Asked about: " : "") + about.join(" · "))];
    if (one.other) lines.unshift(element("p", {}, "Another patient's image, which the model saw; true boxes are of the one asked about"));
    if (one.access !== "open") lines.push(element("p", { class: "warning" }, `${words(one.access)}: do not share`));
    return element("figure", { class: "look" }, frame, element("figcaption", {}, ...lines));
  }

  function overlay(one, picture) {
    const scale = LONGER / Math.max(picture.width, picture.height);
    const [width, height] = [picture.width * scale, picture.height * scale];
    const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    const asked = one.turns.filter((turn) => turn.true.length || turn.predicted.length).length;
    for (const kind of ["true", "predicted"])
      one.turns.forEach((turn, number) => {
        const said = new Set(turn.predicted.map(([name]) => name));
        for (const [name, x1, y1, x2, y2] of turn[kind]) {
          const [x, y, w, h] = [x1 * width, y1 * height, (x2 - x1) * width, (y2 - y1) * height];
          const corners = { x, y, width: w, height: h };
          const group = element("g", { class: `box ${kind}`, "data-turn": number },
            element("title", {}, `${kind}: ${name}`), element("rect", { ...corners, class: "under" }), element("rect", { ...corners, class: "line" }));
          const label = (asked > 1 ? `${number + 1} ` : "") + (kind === "true" && said.has(name) ? "" : name);
          if (label.trim()) group.append(tag(label, kind, [x, y, w, h], [width, height]));
          svg.append(group);
        }
      });
    return svg;
  }

  function tag(label, kind, [x, y, w, h], [width, height]) {
    const right = x + w / 2 > width / 2;
    const above = Math.max(9, y - 3), below = Math.min(height - 3, y + h + 10);
    const where = { x: right ? Math.min(x + w, width - 2) : Math.max(x, 2), y: kind === "true" ? below : above };
    return element("text", { ...where, "text-anchor": right ? "end" : "start" }, label);
  }

  function round(one, turn, number) {
    const made = element("section", { class: turn.failure ? "turn lost" : "turn", "data-turn": number });
    const said = (name, text, empty) => element("div", {}, element("dt", {}, name),
      text ? element("dd", { dir: "auto" }, text) : element("dd", { class: "empty" }, empty));
    made.append(element("p", { class: "question", dir: "auto" }, turn.question),
      element("dl", { class: "said" }, said("Answer", turn.answer, turn.answer === null ? "no answer" : "nothing"), said("Reference", turn.reference, "none")));
    const badges = [];
    if (turn.failure) badges.push(element("span", { class: "badge bad" }, `failed: ${turn.failure}`));
    if (turn.mended) badges.push(element("span", { class: "badge" }, "mended"));
    if (turn.cut) badges.push(element("span", { class: "badge" }, "cut off at the token limit"));
    if (!turn.scored) badges.push(element("span", { class: "badge" }, "not scored"));
    if (turn.failure && turn.answer === null && one.error) badges.push(element("small", { dir: "auto" }, one.error));
    if (badges.length) made.append(element("p", { class: "badges" }, ...badges.flatMap((badge) => [badge, " "])));
    if (turn.scored) made.append(figures(one, turn));
    return made;
  }

  function figures(one, turn) {
    const sorted = at("sort").value.split(" ")[0];
    const row = element("dl", { class: "own" });
    metrics.forEach((metric, number) => {
      if (metric.task !== one.task) return;
      const value = turn.figures[place[number]];
      const text = value == null ? "–" : value.toFixed(2).replace("-", "−");
      row.append(element("div", { class: String(number) === sorted ? "sorted" : "" },
        element("dt", { title: `${metric.key}: ${metric.note || "of this answer alone, not the corpus figure"}` }, metric.name), element("dd", {}, text)));
    });
    return row;
  }

  // ---- controls and keys

  function fill() {
    const option = (value, text) => element("option", { value }, text);
    const tasks = [...new Set(examples.map((one) => one.task))].sort();
    at("task").append(option("", "all"), ...tasks.map((task) => option(task, words(task))));
    at("sort").append(option("", "as in the data set"), option("failed", "most failures first"));
    for (const task of tasks) {
      const group = element("optgroup", { label: words(task) });
      metrics.forEach((metric, number) => {
        if (metric.task === task && !metric.note)
          for (const end of ["worst", "best"]) group.append(option(`${number} ${end}`, `${metric.name}, ${end} first`));
      });
      if (group.children.length) at("sort").append(group);
    }
  }

  function sortBy(value) {
    at("sort").value = value;
    const metric = metrics[value.split(" ")[0]];
    if (metric) at("task").value = metric.task;
    select();
  }

  function only(by, group) {
    Object.assign(state, { by, group });
    at("group").hidden = !group;
    at("group").textContent = `only ${by} ${group} ✕`;
  }

  function step(pages) {
    turnTo(state.page + pages);
    at("examples").scrollIntoView();
  }

  function next(by) {
    const cards = [...list.querySelectorAll(".example")];
    const now = cards.indexOf(document.activeElement.closest(".example"));
    let wanted = now < 0 ? (by > 0 ? 0 : cards.length - 1) : now + by;
    if (wanted < 0 || wanted >= cards.length) {
      const before = state.page;
      turnTo(state.page + by);
      if (state.page === before) return;
      wanted = by > 0 ? 0 : list.children.length - 1;
    }
    list.children[wanted].focus({ preventScroll: true });
    list.children[wanted].scrollIntoView({ block: "start" });
  }

  const toggles = { t: "true", b: "predicted", l: "names" };
  const keys = {
    j: () => next(1), k: () => next(-1), n: () => step(1), p: () => step(-1),
    "/": () => at("text").focus(),
    ...Object.fromEntries(Object.entries(toggles).map(([key, id]) => [key, () => at(id).click()])),
  };
  document.addEventListener("keydown", (event) => {
    const writing = event.target.closest("select, [type=search]");
    if (event.key === "Escape" && writing) writing.blur();
    if (writing || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  });

  for (const id of Object.values(toggles))
    at(id).addEventListener("change", () => list.classList.toggle(`no-${id}`, !at(id).checked));
  at("task").addEventListener("change", () => {
    const metric = metrics[at("sort").value.split(" ")[0]];
    if (metric && metric.task !== at("task").value) at("sort").value = "";
    select();
  });
  at("sort").addEventListener("change", () => sortBy(at("sort").value));
  at("show").addEventListener("change", select);
  let waiting = 0;
  at("text").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(select, 150);
  });
  controls.addEventListener("submit", (event) => event.preventDefault());
  at("group").addEventListener("click", () => { only("", ""); select(); });
  for (const button of document.querySelectorAll("[data-step]"))
    button.addEventListener("click", () => step(Number(button.dataset.step)));
  for (const button of document.querySelectorAll("[data-metric]"))
    button.addEventListener("click", () => {
      only(button.dataset.by ?? "", button.dataset.group ?? "");
      sortBy(`${button.dataset.metric} worst`);
      at("examples").scrollIntoView();
    });
  fill();
  at("off").hidden = true;
  for (const hidden of [controls, at("keys"), ...document.querySelectorAll(".pager")]) hidden.hidden = false;
  for (const button of document.querySelectorAll("[data-metric]"))
    button.hidden = !at("sort").querySelector(`[value="${button.dataset.metric} worst"]`);
  select();
})();
