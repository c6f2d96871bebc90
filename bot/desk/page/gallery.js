/** What is live, what was before, and making the next version. */
import { confirmed } from "./dialog.js";
import { announce, button, counted, facts, fill, make, moment, number, table } from "./elements.js";
import { Refused } from "./server.js";

/** @typedef {import("./server.js").Server} Server */

// While a folder is indexed; otherwise other tabs and workers may change something.
const BEAT_MS = 1000;
const CALM_MS = 5000;
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
    this.result = make("p", { class: "note", "aria-live": "polite" });
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.isShown = false;
    this.isRunning = false;
    /** @type {string | undefined} */
    this.before = undefined;
    // As they were told last: what is the same is not drawn anew, which would take the focus away.
    this.toldModel = "";
    this.toldJob = "";
    document.addEventListener("visibilitychange", () => void this.#look());
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
        this.result,
        this.job,
      ),
    );
  }

  show() {
    this.isShown = true;
    this.toldModel = "";
    void this.#look();
  }

  hide() {
    this.isShown = false;
    clearTimeout(this.timer);
  }

  /** Show what is, and look again later: other tabs and workers change it too. */
  async #look() {
    clearTimeout(this.timer);
    try {
      if (this.isShown && !document.hidden) await this.#tell();
    } finally {
      clearTimeout(this.timer);
      if (this.isShown) this.timer = setTimeout(() => void this.#look(), this.isRunning ? BEAT_MS : CALM_MS);
    }
  }

  async #tell() {
    const [model, job] = await Promise.all([this.server.ask("model"), this.server.ask("index")]);
    if (!this.isShown) return;
    const toldJob = JSON.stringify(job);
    if (toldJob !== this.toldJob) this.#tellJob(job);
    this.toldJob = toldJob;
    // Turns come and go.
    const toldModel = JSON.stringify({ ...model, turns_in_flight: 0 });
    // A dialog gives the focus back to what opened it.
    if (toldModel === this.toldModel || document.querySelector("dialog[open]")) return;
    await this.#tellVersions(model);
    this.toldModel = toldModel;
  }

  /** @param {any} model */
  async #tellVersions(model) {
    const [versions, asked] = await Promise.all([this.server.ask("bundles"), this.server.ask("questions?limit=1")]);
    const place = versions.findIndex((/** @type {any} */ one) => one.version === model.version);
    const now = versions[place];
    this.before = now && versions[place + 1]?.version;
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
        button("Roll back", () => this.#rollBack(), { disabled: !this.before }),
        button("Take the newest", () => this.#change("reload", {}, "Take the newest?", "It is checked first; a bad one changes nothing.")),
      ),
    );
    const columns = ["Version", "Built", "Pictures", "Size", "Model", "Model’s recall@10", "Knows what it lacks", "Actions"];
    fill(
      this.history,
      table("Versions of the gallery", columns, versions.map((/** @type {any} */ one) => this.#row(one))),
      make("p", { class: "note below" }, "Model’s recall@10: how often it had the right picture among the first ten for its caption, on the data named beside it, when it was made; that is not this gallery, and figures of different data cannot be compared."),
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
    await this.#act(async () => {
      const { version } = await this.server.ask(path, "POST", body);
      announce(`${version} is live.`);
    });
  }

  async #rollBack() {
    // What was live when it was drawn may have been changed since, and is asked for by its name.
    await this.#look();
    if (!this.before) return;
    await this.#change("reload", { version: this.before }, `Roll back to ${this.before}?`, "It answers from the next message on.");
  }

  /** @param {string} version */
  async #remove(version) {
    if (!(await confirmed(`Remove ${version}?`, "It is gone for good.", "Remove"))) return;
    await this.#act(async () => {
      await this.server.ask(`bundles/${version}`, "DELETE");
      announce(`${version} is removed.`);
    });
  }

  /**
   * Do something, and show how things stand then: what is refused was no longer as it is shown.
   * @param {() => Promise<void>} deed
   * @param {(sentence: string) => void} refuse
   */
  async #act(deed, refuse = announce) {
    try {
      await deed();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      refuse(error.message);
    }
    this.toldModel = "";
    await this.#look();
  }

  /** @param {Event} event */
  async #index(event) {
    event.preventDefault();
    const folder = this.folder.value.trim();
    const keep = this.keep.checked;
    const begin = async () => {
      const found = await this.server.ask(`folder?${new URLSearchParams({ folder, keep_captions: String(keep) })}`);
      if (!(await confirmed("Index this folder?", consequence(folder, found), "Index"))) return;
      await this.server.ask("index", "POST", { folder, keep_captions: keep });
      fill(this.result);
    };
    await this.#act(begin, (sentence) => this.#say(sentence, "problem"));
  }

  /**
   * Say what came of indexing, where it was asked for.
   * @param {string} sentence
   * @param {string} kind
   */
  #say(sentence, kind) {
    this.result.className = kind;
    this.result.textContent = sentence;
  }

  /**
   * Show how far the job is, or what came of it.
   * @param {any} job
   */
  #tellJob(job) {
    this.isRunning = job.state === "running";
    this.begin.disabled = this.isRunning;
    const bar = make("progress", { "aria-label": "Progress", ...(job.total ? { max: job.total, value: job.done } : {}) });
    const far = job.total ? `${job.what}: ${number(job.done)} of ${number(job.total)}` : "Getting ready …";
    fill(
      this.job,
      this.isRunning && make("p", {}, make("code", {}, job.folder)),
      this.isRunning && bar,
      this.isRunning && make("p", { class: "note" }, far),
      this.isRunning && button("Stop", () => this.server.ask("index", "DELETE")),
      job.skipped.length > 0 &&
        make("details", {}, make("summary", {}, "What was left out"), make("ul", {}, ...job.skipped.map((/** @type {string} */ one) => make("li", {}, one)))),
    );
    if (!job.ended) return;
    const ended = ENDED[/** @type {keyof typeof ENDED} */ (job.state)];
    this.#say(`${ended}, ${moment(job.ended)}. ${job.sentence}`, job.state === "failed" ? "problem" : "note");
  }
}

/**
 * What indexing a folder brings about.
 * @param {string} folder
 * @param {{ pictures: number, captioned: number, model: string, trained_on: string }} found
 */
function consequence(folder, { pictures, captioned, model, trained_on }) {
  const captions = captioned === 0 ? "none" : captioned === pictures ? "each" : number(captioned);
  const learned = trained_on && ` (trained on ${trained_on})`;
  return `${folder}: ${counted(pictures, "picture")}, ${captions} with a caption, by the model ${model}${learned}. They become the live gallery when all are indexed.`;
}

/** @param {{ value: number | null, data: string, gain: number | null } | null} told */
function recall(told) {
  if (!told) return "–";
  const { value, data, gain } = told;
  return make(
    "span",
    {},
    value !== null && `${value.toFixed(1)} % on ${data}`,
    gain !== null && ` ${gain > 0 ? "+" : ""}${gain.toFixed(1)} by adapting`,
  );
}

/** @param {number} bytes */
const size = (bytes) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
