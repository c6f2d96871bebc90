/** Choosing the right picture for a question: among those shown, or found by a search. */
import { openDialog } from "./dialog.js";
import { announce, button, fill, make, thumbnail } from "./elements.js";

/** @typedef {import("./server.js").Server} Server */

/**
 * @param {Server} server
 * @param {{ id: string, wanted: string[], pictures: any[], correction: { caption: string } | null }} question
 * @param {() => void} done
 */
export function correct(server, question, done) {
  const caption = make("input", {
    id: "caption",
    type: "text",
    maxlength: 500,
    required: true,
    "aria-describedby": "caption-note",
    value: question.correction?.caption ?? question.wanted.join(", "),
  });
  const words = make("input", { id: "words", type: "search", value: question.wanted.join(" ") });
  const candidates = make("ul", { class: "candidates" });
  const about = make("p", { class: "note", role: "status" });

  /** @param {any} picture */
  async function choose(picture) {
    if (!caption.reportValidity()) return;
    try {
      await server.ask(`corrections/${question.id}`, "PUT", { image: picture.id, caption: caption.value });
    } catch (error) {
      about.textContent = /** @type {Error} */ (error).message;
      return;
    }
    announce("The right picture is kept.");
    dialog.close();
    done();
  }

  /**
   * @param {any[]} pictures
   * @param {string} sentence
   */
  function offer(pictures, sentence) {
    about.textContent = sentence;
    fill(
      candidates,
      ...pictures.map((picture) =>
        make(
          "li",
          {},
          make(
            "button",
            { type: "button", onclick: () => choose(picture), "aria-label": `This is the right picture: ${picture.caption || picture.id}` },
            thumbnail(picture, { alt: "" }),
            make("span", {}, picture.caption),
          ),
        ),
      ),
    );
  }

  async function find() {
    if (!words.value.trim()) return;
    try {
      const { hits } = await server.ask("../api/search", "POST", { text: words.value.trim(), k: 24 });
      offer(hits, hits.length ? "Click the picture that is right." : "Nothing was found.");
    } catch (error) {
      about.textContent = /** @type {Error} */ (error).message;
    }
  }

  const dialog = openDialog(
    "Which picture is right?",
    make("label", { for: "caption" }, "What it shows, in words that should find it"),
    caption,
    make(
      "p",
      { id: "caption-note", class: "note below" },
      "It is kept as written. Once a folder is indexed with the corrections, visitors see it as a caption of the picture, so mend what was typed in haste.",
    ),
    make(
      "form",
      {
        class: "choose",
        onsubmit: (/** @type {Event} */ event) => {
          event.preventDefault();
          void find();
        },
      },
      make("label", { for: "words" }, "Look for it"),
      words,
      make("button", { type: "submit" }, "Search"),
    ),
    about,
    candidates,
    make("div", { class: "buttons end" }, button("Cancel", () => dialog.close())),
  );
  dialog.classList.add("wide");
  if (question.pictures.length) offer(question.pictures, "These were shown. Click the one that is right, or look for another.");
  else void find();
}
