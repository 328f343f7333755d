/**
 * One radiograph on a stage: zoom, pan, window, inversion.
 *
 * The view is the middle of the stage as a fraction of the image (`x`, `y`) and `scale`, CSS pixels
 * a pixel of the original image. All places are computed from them, for the canvas and the boxes.
 */

import * as api from "./api.js";
import { make } from "./dom.js";
import { greys, paint, PLAIN, table } from "./levels.js";

const WAIT = 160;
const rounded = (value) => Number(value.toFixed(2));
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

export class Viewer {
  /**
   * @param {HTMLElement} stage
   * @param {(viewer: Viewer) => void} changed  after every change of view or window
   */
  constructor(stage, changed) {
    this.stage = stage;
    this.changed = changed;
    this.canvas = stage.appendChild(make("canvas", { role: "img", "aria-label": "Radiograph" }));
    /** @type {import("./state.js").Picture | null} */
    this.picture = null;
    this.view = { x: 0.5, y: 0.5, scale: 1 };
    this.fitted = true;
    this.inverted = false;
    new ResizeObserver(() => (this.fitted ? this.fit() : this.draw())).observe(stage);
  }

  /** Show a picture; the window is the usual one, nothing is inverted. */
  async show(picture) {
    const pixels = await greys(await api.png(picture.id));
    this.rest();
    this.picture = picture;
    this.pixels = pixels;
    this.made = this.usual;
    this.window = this.usual;
    this.inverted = false;
    this.paint();
    this.fit();
  }

  /** Show nothing. */
  clear() {
    this.rest();
    this.picture = null;
    this.draw();
  }

  /** The window a picture comes with. */
  get usual() {
    const own = this.picture.window;
    return own ? { center: own.center, width: own.width } : { ...PLAIN };
  }

  /** The stored values there are, low and high. */
  get range() {
    const own = this.picture?.window;
    return own ? [own.low, own.high] : [0, 255];
  }

  /** Set the window; where the server has stored units, its picture follows. */
  level(center, width) {
    if (!this.picture) return;
    const [low, high] = this.range;
    const span = high - low;
    this.window = {
      center: rounded(clamp(center, low, high)),
      width: rounded(clamp(width, span / 255, Math.max(span, this.usual.width))),
    };
    this.paint();
    this.draw();
    if (this.picture.window) this.renew();
  }

  invert() {
    if (!this.picture) return;
    this.inverted = !this.inverted;
    this.paint();
    this.draw();
  }

  /** The server's own picture in the window wanted, once the hand has come to rest. */
  renew() {
    this.rest();
    const { picture, window } = this;
    this.later = setTimeout(async () => {
      this.loading = new AbortController();
      try {
        const pixels = await greys(await api.png(picture.id, window, this.loading.signal));
        if (picture !== this.picture || window !== this.window) return;
        this.pixels = pixels;
        this.made = window;
        this.paint();
        this.draw();
      } catch (error) {
        // The preview stands: it is the same picture with fewer greys.
        if (!(error instanceof api.Problem) && error.name !== "AbortError") throw error;
      }
    }, WAIT);
  }

  /** Ask for no picture any more. */
  rest() {
    clearTimeout(this.later);
    this.loading?.abort();
  }

  paint() {
    paint(this.pixels, table(this.made, this.window, this.inverted));
  }

  get size() {
    return [this.stage.clientWidth, this.stage.clientHeight];
  }

  /** The scale at which the whole image is seen. */
  get fitScale() {
    const [width, height] = this.size;
    return Math.min(width / this.picture.width, height / this.picture.height) || 1;
  }

  fit() {
    if (!this.picture) return;
    this.view = { x: 0.5, y: 0.5, scale: this.fitScale };
    this.fitted = true;
    this.draw();
  }

  /** Zoom by a factor; the image stays where it is under the point (stage pixels). */
  zoom(factor, at = null) {
    if (!this.picture) return;
    const [width, height] = this.size;
    const [px, py] = at ?? [width / 2, height / 2];
    const fit = this.fitScale;
    const scale = clamp(this.view.scale * factor, fit * 0.5, Math.max(8, fit * 16));
    const [fx, fy] = this.toImage(px, py);
    this.look(
      fx - (px - width / 2) / (scale * this.picture.width),
      fy - (py - height / 2) / (scale * this.picture.height),
      scale,
    );
  }

  /** Move the image by CSS pixels. */
  pan(dx, dy) {
    if (!this.picture) return;
    const { x, y, scale } = this.view;
    this.look(x - dx / (scale * this.picture.width), y - dy / (scale * this.picture.height), scale);
  }

  look(x, y, scale) {
    this.view = { x: clamp(x, 0, 1), y: clamp(y, 0, 1), scale };
    this.fitted = false;
    this.draw();
  }

  /** Take over the view of another viewer: the same place, as large beside its own fit. */
  follow(other) {
    if (!this.picture || !other.picture) return;
    const { x, y, scale } = other.view;
    this.view = { x, y, scale: (scale / other.fitScale) * this.fitScale };
    this.fitted = other.fitted;
    this.draw(false);
  }

  /** Where a fraction of the image lies on the stage, CSS pixels. */
  toStage(fx, fy) {
    const [width, height] = this.size;
    const { x, y, scale } = this.view;
    return [
      width / 2 + (fx - x) * scale * this.picture.width,
      height / 2 + (fy - y) * scale * this.picture.height,
    ];
  }

  /** Which fraction of the image lies at a place of the stage. */
  toImage(px, py) {
    const [width, height] = this.size;
    const { x, y, scale } = this.view;
    return [
      x + (px - width / 2) / (scale * this.picture.width),
      y + (py - height / 2) / (scale * this.picture.height),
    ];
  }

  /** Draw, once a frame; `tell` is false where another viewer is followed. */
  draw(tell = true) {
    this.telling = this.telling || tell;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.render();
      if (this.telling) this.changed(this);
      this.telling = false;
    });
  }

  render() {
    const [width, height] = this.size;
    const ratio = window.devicePixelRatio;
    const { canvas } = this;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    if (!this.picture) return;
    const context = canvas.getContext("2d");
    const [left, top] = this.toStage(0, 0);
    const [right, bottom] = this.toStage(1, 1);
    context.scale(ratio, ratio);
    // Single pixels are shown as such once they are large.
    context.imageSmoothingEnabled = this.view.scale * ratio < 4;
    context.imageSmoothingQuality = "high";
    context.drawImage(this.pixels.canvas, left, top, right - left, bottom - top);
    this.stage.dataset.fitted = String(this.fitted);
  }
}
