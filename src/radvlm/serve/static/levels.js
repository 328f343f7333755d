/**
 * Window and level in the browser: grey values of the picture at hand → shown ones.
 *
 * A picture of 256 greys stands for stored values through the window it was made with
 * (`made`, for 8-bit pictures 0…255 itself). Another window is a look-up table on them. Where the
 * server has stored units, its own picture replaces this preview, which has lost what `made` cut off.
 *
 * @typedef {{center: number, width: number}} Window
 */

/** The window of a picture that is 0…255 itself. */
export const PLAIN = { center: 127.5, width: 255 };
/** No side longer than this is kept, so that small devices can draw it. */
const MOST_SIDE = 4096;

/**
 * 256 shown values, 0…255.
 * @param {Window} made
 * @param {Window} wanted
 * @param {boolean} inverted
 */
export function table(made, wanted, inverted) {
  const shown = new Uint8ClampedArray(256);
  const bottom = made.center - made.width / 2;
  const floor = wanted.center - wanted.width / 2;
  for (let grey = 0; grey < 256; grey += 1) {
    const stored = bottom + (grey / 255) * made.width;
    const share = ((stored - floor) / wanted.width) * 255;
    shown[grey] = inverted ? 255 - share : share;
  }
  return shown;
}

/** The grey values of a PNG, not larger than can be drawn everywhere. */
export async function greys(blob) {
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none" });
  const shrink = Math.min(1, MOST_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * shrink));
  canvas.height = Math.max(1, Math.round(bitmap.height * shrink));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const values = new Uint8Array(canvas.width * canvas.height);
  for (let k = 0; k < values.length; k += 1) values[k] = data[4 * k];
  return { values, canvas };
}

/** Paint grey values through a table onto the canvas of their size. */
export function paint({ values, canvas }, shown) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  const words = new Uint32Array(image.data.buffer);
  const word = Uint32Array.from(shown, (grey) => 0xff000000 + grey * 0x010101);
  for (let k = 0; k < values.length; k += 1) words[k] = word[values[k]];
  context.putImageData(image, 0, 0);
}
