/** What was said, in the order in which it belongs together, and where one reads in it. */
import { drawAttached } from "./attachment.js";
import { icon, make } from "./basics/elements.js";
import { say } from "./basics/words.js";
import { drawMarkdown } from "./markdown.js";
import { drawTiles } from "./tiles.js";

/**
 * @typedef {import("./answer.js").Answer} Answer
 * @typedef {import("./answer.js").Choice} Choice
 * @typedef {import("./answer.js").Picture} Picture
 * @typedef {import("./question.js").Question} Question
 */

/** Near enough to the end to be carried along with what comes, in px. */
const NEAR_END = 90;
/** Less than a line: nothing that one could miss, in px. */
const UNSEEN = 20;

export class Transcript {
  /** @type {WeakMap<Question | Answer, HTMLElement>} */
  #nodes = new WeakMap();
  #isFollowing = true;
  #lastTop = 0;
  /** How far down it was seen, in px. */
  #seen = 0;

  /**
   * @param {{resolve: (address: string) => string | null, send: (payload: string, shown: string) => void,
   *   onView: (pictures: Picture[], at: number) => void, onSimilar: (picture: Picture) => void,
   *   onRetry: (question: Question) => void, onEdit: (question: Question) => void, onStop: () => void}} chat
   */
  constructor(chat) {
    this.chat = chat;
    this.node = make("div", {
      class: "log",
      part: "log",
      role: "log",
      "aria-live": "polite",
      "aria-labelledby": "heading",
      tabindex: "0",
      onscroll: () => this.#scrolled(),
    });
    this.typing = make(
      "div",
      { class: "typing", hidden: true },
      make("span", { class: "dots", "aria-hidden": "true" }, make("i"), make("i"), make("i")),
      make("button", { type: "button", class: "stop", onclick: chat.onStop }, say("stop")),
    );
    this.jump = make(
      "button",
      { type: "button", class: "pill jump", hidden: true, onclick: () => this.#jump() },
    );
  }

  /** Draws everything anew. @param {Answer} welcome @param {(Question | Answer)[]} entries */
  reset(welcome, entries) {
    this.node.replaceChildren(this.#drawBot(welcome), ...entries.map((entry) => this.#draw(entry)), this.typing);
    this.#keepLastChoices();
    this.#isFollowing = true;
    this.#seen = 0;
    this.#scroll("instant");
  }

  /** @param {Answer} welcome */
  greet(welcome) {
    this.node.firstElementChild?.replaceWith(this.#drawBot(welcome));
    this.#keepLastChoices();
  }

  /** @param {Question} question */
  ask(question) {
    this.typing.before(this.#draw(question));
    this.#keepLastChoices();
    this.follow();
  }

  /** Puts an answer below its question, whatever was asked meanwhile. @param {Question} question @param {Answer} answer */
  answer(question, answer) {
    (this.#nodes.get(question) ?? this.typing.previousElementSibling)?.after(this.#draw(answer));
    this.#keepLastChoices();
    this.#scroll();
  }

  /**
   * Puts what was said elsewhere where it belongs: before what is not answered yet.
   * @param {(Question | Answer)[]} entries
   * @param {Question | undefined} unsent
   */
  add(entries, unsent) {
    if (!entries.length) return;
    const isFirst = !this.node.querySelector(".turn.user");
    const place = (unsent && this.#nodes.get(unsent)) ?? this.typing;
    place.before(...entries.map((entry) => this.#draw(entry)));
    this.#keepLastChoices();
    this.#scroll(isFirst ? "instant" : undefined);
  }

  /** @param {Question} question */
  update(question) {
    const node = this.#nodes.get(question);
    if (node) this.#drawState(node, question);
  }

  /** @param {Question} question */
  remove(question) {
    this.#nodes.get(question)?.remove();
  }

  /** @param {boolean} busy */
  setBusy(busy) {
    this.typing.hidden = !busy;
    if (busy) this.#scroll();
  }

  follow() {
    this.#isFollowing = true;
    this.#scroll();
  }

  // -- drawing

  /** @param {Question | Answer} entry */
  #draw(entry) {
    const node = entry.who === "user" ? this.#drawUser(entry) : this.#drawBot(entry);
    this.#nodes.set(entry, node);
    return node;
  }

  /** @param {Question} question */
  #drawUser(question) {
    const { picture, shown } = question;
    const node = make("article", { class: "turn user", part: "question" }, make("span", { class: "unseen" }, say("you")));
    if (picture) {
      const holder = make("div", { class: "sent", role: "img", "aria-label": picture.name }, icon("picture"), picture.name);
      node.append(holder);
      if (picture.data) drawAttached(picture).then((canvas) => holder.replaceChildren(canvas), () => {});
    }
    if (shown) node.append(make("p", { class: "bubble", dir: "auto" }, shown));
    node.append(make("div", { class: "note" }));
    this.#drawState(node, question);
    return node;
  }

  /** @param {HTMLElement} node @param {Question} question */
  #drawState(node, question) {
    node.dataset.state = question.state;
    /** @param {string} words @param {() => void} onclick */
    const offer = (words, onclick) => make("button", { type: "button", class: "retry", onclick }, say(words));
    const { state, note } = question;
    node.querySelector(".note")?.replaceChildren(
      ...(note ? [note] : []),
      ...(state === "failed" ? [offer("retry", () => this.chat.onRetry(question))] : []),
      ...(state === "failed" || state === "refused" ? [offer("edit", () => this.chat.onEdit(question))] : []),
    );
    if (note && this.#isFollowing) this.#scroll();
  }

  /** @param {Answer} answer */
  #drawBot(answer) {
    const node = make(
      "article",
      { class: "turn bot", part: "answer", hidden: !answer.replies.length },
      make("span", { class: "unseen" }, say("answer")),
    );
    for (const { text, images } of answer.replies) {
      if (text) node.append(make("div", { class: "bubble", dir: "auto" }, ...drawMarkdown(text)));
      const pictures = images.filter(({ url, thumbnail }) => this.chat.resolve(url) && this.chat.resolve(thumbnail));
      if (!pictures.length) continue;
      const resolve = (/** @type {string} */ address) => this.chat.resolve(address) ?? "";
      const onView = (/** @type {number} */ at) => this.chat.onView(pictures, at);
      node.append(drawTiles(pictures, resolve, { onView, onSimilar: this.chat.onSimilar }));
    }
    // The last word is answered first: a question's own answers stand right below it, and stand out.
    const offers = answer.replies.map(({ choices }) => choices).filter((choices) => choices.length);
    for (const [at, choices] of offers.reverse().entries())
      node.append(this.#drawChoices(choices, at === 0 && offers.length > 1));
    return node;
  }

  /** @param {Choice[]} choices @param {boolean} asked */
  #drawChoices(choices, asked) {
    const pills = choices.map(({ title, payload }) =>
      make(
        "button",
        { type: "button", class: asked ? "pill main" : "pill", dir: "auto", onclick: () => this.chat.send(payload, title) },
        title,
      ),
    );
    return make("div", { class: "chips", role: "group", "aria-label": say("suggestions") }, ...pills);
  }

  /** Quick replies belong to the state they were offered in: only those of the last word stay. */
  #keepLastChoices() {
    const turns = [...this.node.querySelectorAll(".turn")];
    for (const [at, turn] of turns.entries())
      turn.querySelectorAll(".chips").forEach((chips) => (/** @type {HTMLElement} */ (chips).hidden = at < turns.length - 1));
  }

  // -- where one reads

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.node;
    const distance = scrollHeight - clientHeight - scrollTop;
    if (scrollTop < this.#lastTop && distance > NEAR_END) this.#isFollowing = false;
    else if (distance < 2) this.#isFollowing = true;
    this.#lastTop = scrollTop;
    this.#seen = Math.max(this.#seen, scrollTop + clientHeight);
    if (this.#isAllSeen) this.jump.hidden = true;
  }

  get #isAllSeen() {
    return this.#seen > this.node.scrollHeight - UNSEEN;
  }

  /** To the last answer for who reads above it, to its end for who reads it. */
  #jump() {
    if (this.#isFollowing) this.node.scrollTo({ top: this.node.scrollHeight, behavior: scrolling() });
    else this.follow();
    this.node.focus({ preventScroll: true });
  }

  /**
   * To the end, but never past the beginning of the last question: a tall answer is read from its top.
   * Who has scrolled back to read stays there. What then lies below, unseen, is told.
   * @param {ScrollBehavior} [behavior]
   */
  #scroll(behavior = scrolling()) {
    this.jump.textContent = say(this.#isFollowing ? "below" : "jump");
    this.jump.hidden = this.#isFollowing;
    if (!this.#isFollowing) return;
    const question = /** @type {HTMLElement | undefined} */ ([...this.node.querySelectorAll(".turn.user")].at(-1));
    const end = this.node.scrollHeight - this.node.clientHeight;
    const top = Math.min(end, question ? question.offsetTop - 10 : end);
    this.node.scrollTo({ top, behavior });
    this.#seen = Math.max(this.#seen, top + this.node.clientHeight);
    this.jump.hidden = this.#isAllSeen;
  }
}

/** @returns {ScrollBehavior} */
const scrolling = () => (matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth");
