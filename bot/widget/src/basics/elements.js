/** Elements, made without markup: what servers and people say enters the page as text nodes only. */

const ICONS = {
  chat: "M12 3.5c-5 0-9 3.3-9 7.5 0 2.3 1.2 4.3 3.1 5.7L5.5 20.5l4-2.1c.8.1 1.6.2 2.5.2 5 0 9-3.3 9-7.6s-4-7.5-9-7.5z",
  close: "M6 6l12 12M18 6L6 18",
  send: "M12 19V5M6 11l6-6 6 6",
  picture: "M4 5h16v14H4zM4 16l4.5-4.5 4 4 2.5-2.5 5 5M15.5 9.5h.01",
  fresh: "M12 4v16M4 12h16",
  similar: "M4 4h7v7H4zM13.5 4h6.5v7h-6.5zM4 13.5h7V20H4zM16.8 13.5V20M13.5 16.8H20",
  without: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM6 18L18 6",
  up: "M7 11v9H4v-9zM7 11l4-7.5c1.4 0 2.3 1 2 2.5L12.5 9.5H18a2 2 0 0 1 2 2.3l-1 6.5a2 2 0 0 1-2 1.7H7",
  down: "M7 13V4H4v9zM7 13l4 7.5c1.4 0 2.3-1 2-2.5L12.5 14.5H18a2 2 0 0 0 2-2.3l-1-6.5A2 2 0 0 0 17 4H7",
  left: "M15 5l-7 7 7 7",
  right: "M9 5l7 7-7 7",
  camera: "M4 8h3.5l1.5-2.5h6L16.5 8H20v11H4zM12 10.2a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
  download: "M12 4v11M7 10.5l5 5 5-5M5 20h14",
  microphone: "M12 3.5a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0v-5a3 3 0 0 0-3-3zM5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3",
  zoom: "M9 4H4v5M15 4h5v5M9 20H4v-5M15 20h5v-5",
};

/** @typedef {keyof typeof ICONS} IconName */

/**
 * An element with attributes, listeners (on…) and children; strings become text nodes.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, unknown>} [attributes]
 * @param {(Node | string | null | undefined)[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** @param {IconName} name */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/**
 * @param {IconName} name
 * @param {string} label
 * @param {(event: Event) => void} onclick
 * @param {Record<string, unknown>} [attributes]
 */
export function iconButton(name, label, onclick, attributes = {}) {
  return make(
    "button",
    { type: "button", class: "icon", "aria-label": label, title: label, onclick, ...attributes },
    icon(name),
  );
}
