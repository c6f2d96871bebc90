/** What people asked for, how it was answered, and what would have been right. */
import { correct } from "./correct.js";
import { confirmed } from "./dialog.js";
import { announce, button, counted, fill, make, moment, number, table, thumbnail } from "./elements.js";

/** @typedef {import("./server.js").Server} Server */

const KINDS = {
  unanswered: "Without a confident answer",
  nothing: "Nothing found",
  refused: "Not in the gallery",
  closest: "Only the closest shown",
  not_understood: "Not understood",
  disliked: "With a thumb down",
  corrected: "Corrected",
  all: "All",
};
export const OUTCOMES = {
  confident: ["answered", "good"],
  closest: ["closest shown", "unsure"],
  refused: ["not in the gallery", "bad"],
  nothing: ["nothing found", "bad"],
  not_understood: ["not understood", "bad"],
};
const FILES = { corrections: "Corrections", captions: "All captions, corrected", questions: "Questions" };
const SMALL = 6;

export class Questions {
  /**
   * @param {HTMLElement} root
   * @param {Server} server
   */
  constructor(root, server) {
    this.server = server;
    this.about = make("p", { class: "note" });
    this.list = make("div");
    this.kind = make(
      "select",
      { id: "kind", onchange: () => this.refresh() },
      ...Object.entries(KINDS).map(([value, name]) => make("option", { value }, name)),
    );
    const files = Object.entries(FILES).map(([path, name]) =>
      button(`${name} (JSONL)`, () => this.server.download(`${path}.jsonl`)),
    );
    root.append(
      this.about,
      make(
        "div",
        { class: "choose" },
        make("label", { for: "kind" }, "Show"),
        this.kind,
        button("Refresh", () => this.refresh()),
      ),
      this.list,
      make("h3", {}, "Download"),
      make(
        "p",
        { class: "note" },
        "Corrections and captions are pairs of image and caption: ",
        make("code", {}, "showtell train --data jsonl:FILE"),
        " and ",
        make("code", {}, "showtell index FOLDER --captions FILE"),
        " read them.",
      ),
      make("div", { class: "buttons" }, ...files, button("Forget all questions", () => this.#forget())),
    );
  }

  show() {
    void this.refresh();
  }

  hide() {}

  async refresh() {
    const page = await this.server.ask(`questions?only=${this.kind.value}`);
    this.about.textContent = page.days
      ? `Kept for ${counted(page.days, "day")}, without senders: ${counted(page.total, "question")}, ${counted(page.corrections, "correction")}. The chat says so when asked.`
      : "What is asked is not kept. SHOWTELL_KEEP_QUESTIONS_DAYS switches it on.";
    if (!page.questions.length && !page.orphans.length) {
      fill(this.list, make("p", { class: "card" }, page.total ? "None of this kind." : "Nothing was asked yet."));
      return;
    }
    const columns = ["Asked for", "Answer", "Shown", "When", "Right picture"];
    const rows = page.questions.map((/** @type {any} */ one) => [
      search(one),
      badge(one.outcome),
      shown(one),
      make("time", { datetime: new Date(1000 * one.at).toISOString() }, moment(one.at)),
      this.#right(one),
    ]);
    const more = page.matching - page.questions.length;
    fill(
      this.list,
      rows.length > 0 && table("Questions", columns, rows),
      more > 0 && make("p", { class: "note" }, more === 1 ? "An older one is in the download." : `${number(more)} older ones are in the download.`),
      page.orphans.length > 0 && this.#orphans(page.orphans),
    );
  }

  /**
   * Corrections whose question is no longer kept.
   * @param {any[]} corrections
   */
  #orphans(corrections) {
    const rows = corrections.map((one) => [
      one.caption,
      make("time", { datetime: new Date(1000 * one.at).toISOString() }, moment(one.at)),
      this.#right({ id: one.question, wanted: [one.caption], pictures: [], correction: one }),
    ]);
    return make(
      "div",
      {},
      make("h3", {}, "Corrections whose question is no longer kept"),
      table("Corrections whose question is no longer kept", ["Caption", "When", "Right picture"], rows),
    );
  }

  /** @param {any} one */
  #right(one) {
    const again = () => this.refresh();
    const name = one.wanted.join(", ") || "this question";
    if (!one.correction) {
      return button("Choose", () => correct(this.server, one, again), { "aria-label": `Choose the right picture for ${name}` });
    }
    const picture = { thumbnail: `images/${one.correction.image}?size=160`, caption: one.correction.caption };
    return make(
      "span",
      { class: "buttons" },
      thumbnail(picture, { class: "small" }),
      button("Change", () => correct(this.server, one, again), { "aria-label": `Change the right picture for ${name}` }),
      button("Take back", () => this.#takeBack(one.id), { "aria-label": `Take back the right picture for ${name}` }),
    );
  }

  /** @param {string} id */
  async #takeBack(id) {
    await this.server.ask(`corrections/${id}`, "DELETE");
    announce("The correction is taken back.");
    await this.refresh();
  }

  async #forget() {
    if (!(await confirmed("Forget all questions?", "They are gone for good; corrections stay.", "Forget"))) return;
    await this.server.ask("questions", "DELETE");
    announce("All questions are forgotten.");
    await this.refresh();
  }
}

/** @param {keyof typeof OUTCOMES} outcome */
export const badge = (outcome) => make("span", { class: `badge ${OUTCOMES[outcome][1]}` }, OUTCOMES[outcome][0]);

/**
 * The search as it stood.
 * @param {any} one
 */
export function search(one) {
  const parts = [];
  if (one.uploaded) parts.push(make("li", {}, "a picture of theirs"));
  for (const text of one.wanted) parts.push(make("li", { class: "wanted" }, text));
  for (const text of one.excluded) parts.push(make("li", {}, `without ${text}`));
  for (const [key, value] of one.filters) parts.push(make("li", {}, `${key}: ${value}`));
  return make("ul", { class: "search" }, ...parts);
}

/** @param {any} one */
function shown(one) {
  if (!one.pictures.length) return make("span", { class: "note" }, "nothing");
  const pictures = one.pictures.slice(0, SMALL).map((/** @type {any} */ picture) => {
    const thumb = one.up.includes(picture.id) ? "liked" : one.down.includes(picture.id) ? "disliked" : "";
    return make("li", { class: thumb }, thumbnail(picture, { class: "small" }), thumb && make("span", {}, make("span", { class: "unseen" }, thumb), make("span", { "aria-hidden": "true" }, thumb === "liked" ? "+" : "−")));
  });
  return make("ul", { class: "strip" }, ...pictures);
}
