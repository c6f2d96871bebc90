/** The running search above the line, each part with a button that takes it out. */
import { icon, make } from "./basics/elements.js";
import { say } from "./basics/words.js";

/**
 * @param {HTMLElement} list
 * @param {import("./answer.js").Choice[]} parts
 * @param {(payload: string, shown: string) => void} send
 */
export function drawSearch(list, parts, send) {
  list.hidden = !parts.length;
  list.replaceChildren(
    ...parts.map(({ title, payload }) => {
      const label = say("drop_part", { part: title });
      const attributes = { type: "button", class: "part", "aria-label": label, onclick: () => send(payload, label) };
      return make("li", {}, make("button", attributes, make("span", { dir: "auto" }, title), icon("close")));
    }),
  );
}
