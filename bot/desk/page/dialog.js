/** A question that must be answered before anything else. */
import { button, make } from "./elements.js";

let count = 0;

/**
 * Open a dialog; it is removed when it closes.
 * @param {string} title
 * @param {...(Node | string)} content
 */
export function openDialog(title, ...content) {
  const id = `dialog-${++count}`;
  const dialog = make("dialog", { "aria-labelledby": id }, make("h3", { id }, title), ...content);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * Ask whether to do something; true if so.
 * @param {string} title
 * @param {string} consequence
 * @param {string} deed what the button says
 * @returns {Promise<boolean>}
 */
export function confirmed(title, consequence, deed) {
  return new Promise((resolve) => {
    const dialog = openDialog(
      title,
      make("p", {}, consequence),
      make(
        "div",
        { class: "buttons end" },
        button("Cancel", () => dialog.close(), { autofocus: true }),
        button(deed, () => dialog.close("yes"), { class: "main" }),
      ),
    );
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"));
  });
}
