/** What a person sent, or is about to send. */
import { blobFromData } from "./basics/canvas.js";

/**
 * @typedef {{name: string, data: string}} Attached a picture, as a data: address; data may be gone
 * @typedef {"sending" | "waiting" | "sent" | "failed" | "refused"} State
 * @typedef {{who: "user", id: string, text: string, shown: string, picture: Attached | null,
 *   state: State, note: string}} Question
 */

/** @param {any} value @returns {Attached | null} */
export function checkAttached(value) {
  return typeof value?.name === "string" && typeof value?.data === "string"
    ? { name: value.name, data: value.data }
    : null;
}

/** @param {any} value as it was stored @returns {Question | null} */
export function checkQuestion(value) {
  const { id, text, shown } = value ?? {};
  if (![id, text, shown].every((part) => typeof part === "string") || !id) return null;
  return { who: "user", id, text, shown, picture: checkAttached(value.picture), state: "failed", note: "" };
}

/** As the server takes it. @param {Question} question @returns {import("./server.js").Outgoing} */
export function outgoing({ id, text, shown, picture }) {
  const file = picture && blobFromData(picture.data);
  return { id, text, shown, file, name: picture?.name || "picture" };
}
