/** The larger view: one picture in the whole window, with what can be said of it. */
import { explain } from "./answer.js";
import { icon, iconButton, make } from "./basics/elements.js";
import { say } from "./basics/words.js";

/**
 * @typedef {import("./answer.js").Picture} Picture
 * @typedef {"similar" | "unlike" | "up" | "down"} Judgement
 */

const WAYS = /** @type {const} */ (["up", "down"]);
const SWIPE_PX = 50;

export class Viewer {
  /** @type {Picture[]} */
  #pictures = [];
  #at = 0;
  /** @type {Map<string, string>} thumbs by the ids of pictures */
  #ratings = new Map();
  #swipeFrom = 0;

  /** @param {{resolve: (address: string) => string, onJudge: (picture: Picture, what: Judgement) => void, onShow: (picture: Picture) => void}} chat */
  constructor(chat) {
    this.chat = chat;
    this.image = make("img", { alt: "", draggable: "false" });
    this.counter = make("p", { class: "counter" });
    this.caption = make("h2", { dir: "auto" });
    this.reasons = make("ul", { "aria-label": say("why") });
    this.note = make("p", { class: "thanks", role: "status" });
    this.rates = WAYS.map((way) =>
      iconButton(way, say(way === "up" ? "good_match" : "poor_match"), () => this.#rate(way), { class: "icon rate" }),
    );
    this.before = iconButton("left", say("previous"), () => this.#step(-1), { class: "icon step before" });
    this.after = iconButton("right", say("next"), () => this.#step(1), { class: "icon step after" });
    this.download = make(
      "a",
      { class: "icon", download: "", "aria-label": say("download"), title: say("download") },
      icon("download"),
    );
    this.stage = make(
      "div",
      {
        class: "stage",
        onpointerdown: (/** @type {PointerEvent} */ event) => (this.#swipeFrom = event.clientX),
        onpointerup: (/** @type {PointerEvent} */ event) => this.#swiped(event),
      },
      this.image,
    );
    this.zoom = iconButton("zoom", say("zoom"), () => this.#zoom(!this.stage.classList.contains("zoomed")), {
      "aria-pressed": "false",
    });
    this.image.addEventListener("dblclick", () => this.zoom.click());
    this.actions = make(
      "div",
      { class: "actions" },
      this.#pill("similar", "similar", "similar_to_this", "pill main"),
      this.#pill("unlike", "without", "not_this", "pill"),
      make("span", { class: "rates" }, this.note, ...this.rates),
    );
    this.dialog = make(
      "dialog",
      {
        class: "viewer",
        part: "viewer",
        "aria-label": say("picture"),
        onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
        onclose: () => this.#closed(),
      },
      make(
        "header",
        {},
        this.counter,
        make("span", { class: "grow" }),
        this.zoom,
        this.download,
        iconButton("close", say("close"), () => this.dialog.close()),
      ),
      make("div", { class: "middle" }, this.before, this.stage, this.after),
      make(
        "div",
        { class: "about" },
        this.caption,
        this.reasons,
        this.actions,
      ),
    );
  }

  /** @param {Judgement} what @param {import("./basics/elements.js").IconName} picture @param {string} words @param {string} look */
  #pill(what, picture, words, look) {
    const leave = () => {
      this.dialog.close();
      this.chat.onJudge(this.#pictures[this.#at], what);
    };
    return make("button", { type: "button", class: look, onclick: leave }, icon(picture), say(words));
  }

  /** @param {Picture[]} pictures @param {number} at */
  show(pictures, at) {
    this.#pictures = pictures;
    this.#at = at;
    this.#draw();
    this.dialog.showModal();
    // The browser's own Back closes the view, as people on phones expect.
    history.pushState({ ...history.state, showtell: "viewer" }, "");
    addEventListener("popstate", () => this.dialog.close(), { once: true });
  }

  /** Knows the thumbs of a conversation, and none of another. @param {Record<string, string>} ratings */
  remember(ratings) {
    this.#ratings = new Map(Object.entries(ratings));
  }

  #closed() {
    this.#zoom(false);
    if (history.state?.showtell === "viewer") history.back();
  }

  /** Where the next picture lies: 1 to the right, -1 to the left, as the language is read. */
  get #forward() {
    return this.dialog.matches(":dir(rtl)") ? -1 : 1;
  }

  /** @param {number} by */
  #step(by) {
    this.#at = (this.#at + by + this.#pictures.length) % this.#pictures.length;
    this.#draw();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "Escape") event.stopPropagation(); // closes this view, not the chat behind it
    if (this.#pictures.length < 2 || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    event.preventDefault();
    this.#step(event.key === "ArrowLeft" ? -this.#forward : this.#forward);
  }

  /** @param {PointerEvent} event */
  #swiped({ clientX, pointerType }) {
    const way = clientX - this.#swipeFrom;
    const isZoomed = this.stage.classList.contains("zoomed"); // then a finger moves the picture
    if (pointerType === "mouse" || isZoomed || Math.abs(way) < SWIPE_PX || this.#pictures.length < 2) return;
    this.#step(way > 0 ? -this.#forward : this.#forward);
  }

  /** @param {boolean} large */
  #zoom(large) {
    this.stage.classList.toggle("zoomed", large);
    this.zoom.setAttribute("aria-pressed", String(large));
    if (!large) return;
    const { scrollWidth, clientWidth, scrollHeight, clientHeight } = this.stage;
    this.stage.scrollTo((scrollWidth - clientWidth) / 2, (scrollHeight - clientHeight) / 2);
  }

  /** @param {"up" | "down"} way */
  #rate(way) {
    const picture = this.#pictures[this.#at];
    this.#ratings.set(picture.id, way);
    this.#drawRating();
    this.note.textContent = say("noted");
    this.chat.onJudge(picture, way);
  }

  #drawRating() {
    const rating = this.#ratings.get(this.#pictures[this.#at].id);
    this.rates.forEach((button, at) => button.setAttribute("aria-pressed", String(rating === WAYS[at])));
  }

  #draw() {
    const picture = this.#pictures[this.#at];
    this.#zoom(false);
    this.image.removeAttribute("src"); // or the former picture would stand there until the next has come
    this.image.width = picture.width;
    this.image.height = picture.height;
    this.image.alt = picture.caption;
    this.image.src = this.download.href = this.chat.resolve(picture.url);
    this.caption.textContent = picture.caption;
    const count = this.#pictures.length;
    this.counter.textContent = count > 1 ? say("counter", { number: this.#at + 1, count }) : "";
    this.before.hidden = this.after.hidden = count < 2;
    this.actions.hidden = !picture.id; // of another bot: it knows no judgement
    const why = explain(picture.reasons);
    this.reasons.replaceChildren(...why.map((sentence) => make("li", { dir: "auto" }, sentence)));
    this.reasons.hidden = !why.length;
    this.note.textContent = "";
    this.#drawRating();
    this.chat.onShow(picture);
  }
}
