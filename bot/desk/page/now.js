/** What goes on now: turns, where their time goes, what fails. */
import { duration, fill, make, number, table } from "./elements.js";

/** @typedef {import("./server.js").Server} Server */

const BEAT_MS = 4000;
const STAGES = {
  wait: "Waiting for a place",
  understand: "Understanding",
  encode: "Encoding",
  rank: "Ranking",
  save: "Saving",
  turn: "A turn as a whole",
};
/** What messages are understood as, by the intents of bot/rasa/domain.yml. */
const INTENTS = {
  search_images: "a search",
  refine_search: "a search narrowed down",
  exclude_from_search: "something left out",
  drop_from_search: "something taken back",
  more_images: "more pictures",
  similar_to_image: "more like a picture",
  unlike_image: "none like a picture",
  describe_image: "what a picture shows",
  undo_search: "a step back",
  redo_search: "a step forward",
  restart_search: "a new start",
  rate_image: "a thumb",
  greet: "a greeting",
  goodbye: "a goodbye",
  thank: "thanks",
  help: "a call for help",
  out_of_scope: "nothing to do with pictures",
  browse_gallery: "a look around",
  ask_count: "how many pictures there are",
  ask_kinds: "what there is",
  ask_rights: "who owns the pictures",
  ask_search: "what is searched for",
  ask_why: "why a picture is shown",
  ask_bot: "who is speaking",
  ask_privacy: "what is kept",
  ask_languages: "which languages it speaks",
  react_good: "praise",
  react_bad: "blame",
  react_unsure: "hesitation",
  other_language: "another language",
  repeated: "sent again",
};
const MOST_NAMED = 8;

export class Now {
  /**
   * @param {HTMLElement} root
   * @param {Server} server
   */
  constructor(root, server) {
    this.server = server;
    this.tiles = make("div", { class: "tiles" });
    this.stages = make("div");
    this.lists = make("div", { class: "lists" });
    this.problem = make("p", { class: "problem" });
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** @type {{ at: number, turns: number } | null} */
    this.before = null;
    root.append(
      make("p", { class: "note" }, "Since the server began; looked at every four seconds."),
      this.problem,
      this.tiles,
      make("h3", {}, "Where the time goes"),
      this.stages,
      this.lists,
    );
  }

  show() {
    this.before = null;
    void this.#refresh();
  }

  hide() {
    clearTimeout(this.timer);
  }

  async #refresh() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.#refresh(), BEAT_MS);
    if (document.hidden) return;
    let now;
    try {
      now = await this.server.ask("figures");
    } catch (error) {
      this.problem.textContent = /** @type {Error} */ (error).message;
      return;
    }
    this.problem.textContent = "";
    const turns = sum(now.turns);
    const failed = sum(now.errors);
    const at = Date.now();
    const pace = this.before ? (60_000 * (turns - this.before.turns)) / (at - this.before.at) : null;
    this.before = { at, turns };
    fill(
      this.tiles,
      tile(number(turns), "turns answered"),
      tile(pace === null ? "–" : pace.toFixed(pace < 10 ? 1 : 0), "turns a minute, just now"),
      tile(duration(now.whole.median), "median turn"),
      tile(`${now.more_sessions ? "over " : ""}${number(now.sessions)}`, "sessions kept"),
      tile(number(failed), "turns failed", failed > 0),
      tile(number(now.refusals), "refused at the door", now.refusals > 0),
      tile(number(now.missing_pictures), "times a file was missing", now.missing_pictures > 0),
    );
    const rows = [...now.stages, now.whole];
    const longest = Math.max(...rows.map((one) => one.p95 ?? 0), 0.001);
    fill(
      this.stages,
      table(
        "Latency by stage",
        ["Stage", "Median", "95 of 100 within", "On one scale"],
        rows.map((one) => [STAGES[/** @type {keyof typeof STAGES} */ (one.name)], duration(one.median), duration(one.p95), bar(one, longest)]),
      ),
    );
    fill(
      this.lists,
      list("Channels", now.turns),
      list("Understood as", now.intents, INTENTS),
      list("Failures", now.errors),
      list("Requests by status", now.requests),
    );
  }
}

/** @param {Record<string, number>} counts */
const sum = (counts) => Object.values(counts).reduce((total, one) => total + one, 0);

/**
 * @param {string} value
 * @param {string} name
 * @param {boolean} [bad]
 */
const tile = (value, name, bad = false) =>
  make("p", { class: bad ? "tile bad" : "tile" }, make("strong", {}, value), " ", make("span", {}, name));

/**
 * A bar up to the 95th percentile, filled up to the median.
 * @param {{ median: number | null, p95: number | null }} latency
 * @param {number} longest
 */
function bar(latency, longest) {
  if (!latency.p95) return null;
  const inner = make("span");
  const outer = make("span", { class: "bar", "aria-hidden": "true" }, inner);
  outer.style.inlineSize = `${(100 * latency.p95) / longest}%`;
  inner.style.inlineSize = `${(100 * (latency.median ?? 0)) / latency.p95}%`;
  return outer;
}

/**
 * @param {string} title
 * @param {Record<string, number>} counts
 * @param {Record<string, string>} [names] in plain words
 */
function list(title, counts, names = {}) {
  const most = Object.entries(counts).slice(0, MOST_NAMED);
  const items = most.map(([name, count]) => make("div", {}, make("dt", {}, names[name] ?? name), make("dd", {}, number(count))));
  return make("div", { class: "card" }, make("h3", {}, title), items.length ? make("dl", {}, ...items) : make("p", { class: "note" }, "None so far."));
}
