/** What is live, what was before, and making the next version. */
import { confirmed } from "./dialog.js";
import { announce, button, facts, fill, make, moment, number, table } from "./elements.js";

/** @typedef {import("./server.js").Server} Server */

const BEAT_MS = 1000;
const ENDED = { done: "Done", failed: "Failed", cancelled: "Stopped", idle: "", running: "" };

export class Gallery {
  /**
   * @param {HTMLElement} root
   * @param {Server} server
   */
  constructor(root, server) {
    this.server = server;
    this.live = make("div", { class: "card" });
    this.history = make("div");
    this.folder = make("input", { id: "folder", type: "text", required: true, spellcheck: "false", autocomplete: "off" });
    this.keep = make("input", { id: "keep", type: "checkbox" });
    this.begin = make("button", { type: "submit", class: "main" }, "Index");
    this.job = make("div", { class: "job" });
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.wasRunning = false;
    root.append(
      this.live,
      make("h3", {}, "History"),
      this.history,
      make("h3", {}, "Index a folder"),
      make(
        "form",
        { class: "card index", onsubmit: (/** @type {Event} */ event) => this.#index(event) },
        make("label", { for: "folder" }, "Folder on the server’s machine"),
        this.folder,
        make(
          "p",
          { class: "choice" },
          this.keep,
          make("label", { for: "keep" }, "Keep the live gallery’s captions and add the corrections"),
        ),
        make("p", { class: "note" }, "Else captions come from a file in the folder, such as captions.csv, or from the names of the pictures."),
        make("p", { class: "note" }, "Everybody who uses the chat sees the pictures of that folder. Turns go first meanwhile."),
        make("div", { class: "buttons" }, this.begin),
        this.job,
      ),
    );
  }

  show() {
    void this.#refresh();
    void this.#follow();
  }

  hide() {
    clearTimeout(this.timer);
  }

  async #refresh() {
    const [model, versions, asked] = await Promise.all([
      this.server.ask("model"),
      this.server.ask("bundles"),
      this.server.ask("questions?limit=1"),
    ]);
    const place = versions.findIndex((/** @type {any} */ one) => one.version === model.version);
    const now = versions[place];
    // By name: another tab may have gone back already.
    const before = now && versions[place + 1]?.version;
    this.keep.checked ||= asked.corrections > 0;
    fill(
      this.live,
      model.version
        ? make("p", { class: "live" }, make("strong", {}, model.version), " is live")
        : make("p", { class: "problem" }, "Nothing is live."),
      facts({
        Pictures: model.version && number(model.images),
        Model: model.version && model.model,
        Built: now?.created && moment(Date.parse(now.created) / 1000),
        "On disk": now && size(now.size),
        Loaded: model.loaded_at && moment(Date.parse(model.loaded_at) / 1000),
        Corrections: asked.corrections ? number(asked.corrections) : null,
      }),
      model.refused &&
        make("p", { class: "problem" }, `${model.refused.version} was refused: ${model.refused.reason}.`),
      make(
        "div",
        { class: "buttons" },
        button("Roll back", () => this.#change("reload", { version: before }, `Roll back to ${before}?`, "It answers from the next message on."), {
          disabled: !before,
        }),
        button("Take the newest", () => this.#change("reload", {}, "Take the newest?", "It is checked first; a bad one changes nothing.")),
      ),
    );
    const columns = ["Version", "Built", "Pictures", "Size", "Model", "Recall@10", "Knows what it lacks", "Actions"];
    fill(
      this.history,
      table("Versions of the gallery", columns, versions.map((/** @type {any} */ one) => this.#row(one))),
      make("p", { class: "note below" }, "Recall@10: how often the right picture is among the first ten for its caption, as measured when the model was made. Figures of different data cannot be compared."),
      make("p", { class: "note below" }, "Knows what it lacks: how often its model tells the gallery’s captions from things that are not in it; 50 % is chance."),
    );
  }

  /** @param {any} one */
  #row(one) {
    const knows = one.accuracy === null ? "–" : `${Math.round(100 * one.accuracy)} %`;
    const actions = one.live
      ? make("span", { class: "badge good" }, "live")
      : make(
          "span",
          { class: "buttons" },
          button("Make live", () => this.#change("reload", { version: one.version }, `Make ${one.version} live?`, "It answers from the next message on."), { "aria-label": `Make ${one.version} live` }),
          button("Remove", () => this.#remove(one.version), { "aria-label": `Remove ${one.version}` }),
        );
    return [
      make("code", {}, one.version),
      one.problem ? make("span", { class: "problem" }, one.problem) : moment(Date.parse(one.created) / 1000),
      one.count === null ? "–" : number(one.count),
      size(one.size),
      one.model ?? "–",
      recall(one.recall),
      knows,
      actions,
    ];
  }

  /**
   * @param {string} path
   * @param {unknown} body
   * @param {string} title
   * @param {string} consequence
   */
  async #change(path, body, title, consequence) {
    if (!(await confirmed(title, consequence, title.replace("?", "")))) return;
    announce("It is being loaded …");
    const { version } = await this.server.ask(path, "POST", body);
    announce(`${version} is live.`);
    await this.#refresh();
  }

  /** @param {string} version */
  async #remove(version) {
    if (!(await confirmed(`Remove ${version}?`, "It is gone for good.", "Remove"))) return;
    await this.server.ask(`bundles/${version}`, "DELETE");
    announce(`${version} is removed.`);
    await this.#refresh();
  }

  /** @param {Event} event */
  async #index(event) {
    event.preventDefault();
    const folder = this.folder.value.trim();
    if (!(await confirmed("Index this folder?", `${folder} becomes the live gallery when it is done.`, "Index"))) return;
    await this.server.ask("index", "POST", { folder, keep_captions: this.keep.checked });
    announce("Indexing has begun.");
    await this.#follow();
  }

  /** Show how far the job is, and look again while it runs. */
  async #follow() {
    clearTimeout(this.timer);
    const state = await this.server.ask("index");
    const running = state.state === "running";
    this.begin.disabled = running;
    const bar = make("progress", { "aria-label": "Progress", ...(state.total ? { max: state.total, value: state.done } : {}) });
    const far = state.total ? `${state.what}: ${number(state.done)} of ${number(state.total)}` : "Getting ready …";
    fill(
      this.job,
      running && make("p", {}, make("code", {}, state.folder)),
      running && bar,
      running && make("p", { class: "note" }, far),
      running && button("Stop", () => this.server.ask("index", "DELETE")),
      state.ended && make("p", { class: state.state === "failed" ? "problem" : "note" }, `${ENDED[/** @type {keyof typeof ENDED} */ (state.state)]}, ${moment(state.ended)}. ${state.sentence}`),
      state.skipped.length > 0 &&
        make("details", {}, make("summary", {}, "What was left out"), make("ul", {}, ...state.skipped.map((/** @type {string} */ one) => make("li", {}, one)))),
    );
    if (this.wasRunning && !running) {
      announce(state.sentence);
      await this.#refresh();
    }
    this.wasRunning = running;
    if (running) this.timer = setTimeout(() => void this.#follow(), BEAT_MS);
  }
}

/** @param {{ value: number | null, data: string, gain: number | null } | null} told */
function recall(told) {
  if (!told) return "–";
  const { value, data, gain } = told;
  return make(
    "span",
    {},
    value !== null && `${value.toFixed(1)} % `,
    value !== null && make("span", { class: "note" }, data),
    gain !== null && ` ${gain > 0 ? "+" : ""}${gain.toFixed(1)} by adapting`,
  );
}

/** @param {number} bytes */
const size = (bytes) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
