/** Elements, made without markup: what people asked enters the page as text nodes only. */

/** @typedef {Node | string | null | undefined | false} Child */

const SAID_MS = 10_000;

/**
 * An element with attributes, listeners (on…) and children; strings become text nodes.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, unknown>} [attributes]
 * @param {Child[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  fill(node, ...children);
  return node;
}

/**
 * Put children into an element, in the place of those that it has.
 * @param {Element} node
 * @param {Child[]} children
 */
export function fill(node, ...children) {
  const shown = children.filter((child) => child !== null && child !== undefined && child !== false);
  node.replaceChildren(.../** @type {(Node | string)[]} */ (shown));
}

/**
 * @param {string} name
 * @param {() => unknown} onclick
 * @param {Record<string, unknown>} [attributes]
 */
export function button(name, onclick, attributes = {}) {
  return make("button", { type: "button", onclick, ...attributes }, name);
}

/**
 * A table whose cells know the name of their column, which narrow screens show beside them.
 * @param {string} caption
 * @param {string[]} columns
 * @param {Child[][]} rows
 */
export function table(caption, columns, rows) {
  const head = columns.map((name) => make("th", { scope: "col" }, name));
  const body = rows.map((cells) =>
    make("tr", {}, ...cells.map((cell, at) => make("td", { "data-name": columns[at] }, cell))),
  );
  return make(
    "table",
    {},
    make("caption", { class: "unseen" }, caption),
    make("thead", {}, make("tr", {}, ...head)),
    make("tbody", {}, ...body),
  );
}

/**
 * Names and values.
 * @param {Record<string, Child>} pairs
 */
export function facts(pairs) {
  const shown = Object.entries(pairs).filter(([, value]) => value || value === "");
  return make("dl", {}, ...shown.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

/**
 * @param {{ thumbnail: string, caption: string }} picture
 * @param {Record<string, unknown>} [attributes]
 */
export function thumbnail(picture, attributes = {}) {
  const src = picture.thumbnail.replace(/^\//, "");
  return make("img", { src, alt: picture.caption || "A picture without a caption", loading: "lazy", ...attributes });
}

/** @param {number} value */
export const number = (value) => value.toLocaleString("en");

/**
 * @param {number} value
 * @param {string} thing in the singular
 */
export const counted = (value, thing) => `${number(value)} ${thing}${value === 1 ? "" : "s"}`;

/** @param {number | null} seconds */
export function duration(seconds) {
  if (seconds === null) return "–";
  return seconds < 1 ? `${Math.round(1000 * seconds)} ms` : `${seconds.toFixed(1)} s`;
}

/** @param {number} seconds since 1970 */
export const moment = (seconds) =>
  new Date(1000 * seconds).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });

/** @type {ReturnType<typeof setTimeout> | undefined} */
let silence;

/**
 * Say something at the edge of the page, for a while.
 * @param {string} sentence
 */
export function announce(sentence) {
  const said = /** @type {HTMLElement} */ (document.getElementById("said"));
  said.textContent = sentence;
  clearTimeout(silence);
  silence = setTimeout(() => (said.textContent = ""), SAID_MS);
}
