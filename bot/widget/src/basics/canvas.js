/** Pictures that people send are drawn on a canvas, so that a strict img-src needs no exception. */
import { make } from "./elements.js";

/**
 * @param {Blob} blob
 * @param {number} longest pixels of the longer side
 */
export async function drawPicture(blob, longest) {
  const bitmap = await createImageBitmap(blob);
  const scale = Math.min(1, longest / Math.max(bitmap.width, bitmap.height));
  const canvas = make("canvas", {
    width: Math.max(1, Math.round(bitmap.width * scale)),
    height: Math.max(1, Math.round(bitmap.height * scale)),
  });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas;
}

/** @param {string} data a data: address in base64 */
export function blobFromData(data) {
  const [head, body] = data.split(",");
  const bytes = Uint8Array.from(atob(body ?? ""), (character) => character.charCodeAt(0));
  return new Blob([bytes], { type: head.slice(5).split(";")[0] });
}
