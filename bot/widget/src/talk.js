/** A talk with a server: what is sent, answered, taken back, loaded, left. */
import { keep, newId } from "./basics/storage.js";
import { say } from "./basics/words.js";
import { Conversation } from "./conversation.js";
import { Outbox } from "./outbox.js";
import { drawSearch } from "./search_chips.js";
import { Transcript } from "./transcript.js";

/**
 * @typedef {import("./answer.js").Picture} Picture
 * @typedef {import("./question.js").Question} Question
 * @typedef {{server: () => Pick<import("./server.js").Server, "post" | "history">, session: () => import("./session.js").Session,
 *   frame: () => import("./frame.js").Frame, welcome: () => import("./answer.js").Answer,
 *   resolve: (address: string) => string | null, onView: (pictures: Picture[], at: number) => void,
 *   onSimilar: (picture: Picture) => void, onRatings: (ratings: Record<string, string>) => void,
 *   waiting: () => string, onMessage: (text: string) => void, onEdit: (question: Question) => void, onAnswer: (answer: import("./answer.js").Answer) => void,
 *   refocus: () => void}} Chat
 */

export class Talk {
  #conversation = new Conversation("");
  #outbox;
  #isLoaded = false;

  /** @param {Chat} chat */
  constructor(chat) {
    this.chat = chat;
    this.#outbox = new Outbox(chat.server, {
      keys: () => chat.session().keys,
      onState: (question, state, note) => this.#setState(question, state, note),
      onAnswer: (question, body) => this.#answered(question, body),
      onBusy: (busy) => this.#setBusy(busy),
    });
    this.transcript = new Transcript({
      resolve: chat.resolve,
      send: (payload, shown) => this.choose(payload, shown),
      onView: chat.onView,
      onSimilar: chat.onSimilar,
      onRetry: (question) => (chat.refocus(), this.#outbox.push(question)),
      onEdit: (question) => this.#edit(question),
      onStop: () => this.#outbox.stop(),
    });
  }

  /** Shows the talk of the session as it is now, whatever was shown before. @param {boolean} isOpen */
  begin(isOpen) {
    this.#outbox.clear();
    this.#conversation = new Conversation(this.chat.session().own("unsent"));
    this.#isLoaded = false;
    this.chat.frame().notify("");
    this.chat.onRatings({});
    this.#redraw();
    if (isOpen) this.load();
  }

  /** Begins another talk, in every tab; what undoes that is returned, unless there is nothing to leave. */
  leave() {
    const session = this.chat.session();
    const keys = session.begun ? session.keys : null;
    const { unsent } = this.#conversation;
    if (!keys && !unsent.length) return null; // and a second click keeps the Undo of the first
    session.use(null);
    keep("sessionStorage", session.own("unsent"), null);
    this.begin(false);
    return () => {
      session.use(keys);
      keep("sessionStorage", session.own("unsent"), unsent);
      this.begin(true);
    };
  }

  /** Fetches what was said so far, once; `again` fetches it anew. @param {boolean} [again] */
  async load(again = false) {
    const session = this.chat.session();
    if (!session.begun || (this.#isLoaded && !again)) return;
    this.#isLoaded = true;
    const conversation = this.#conversation;
    const body = await this.chat.server().history(session.keys);
    if (conversation !== this.#conversation) return; // another was begun meanwhile
    this.#isLoaded = body !== null;
    const retry = { words: say("retry"), act: () => this.load() };
    if (!body) return this.chat.frame().notify(say("no_history"), retry);
    this.chat.frame().notify("");
    this.chat.onRatings(body.ratings ?? {});
    const fresh = conversation.become(body);
    for (const question of conversation.answered) {
      this.#outbox.take(question);
      this.transcript.remove(question);
      conversation.drop(question);
    }
    this.#drawSearch();
    if (fresh) this.transcript.add(fresh, conversation.unsent[0]);
    else this.#redraw();
  }

  /** Goes on where another tab has changed something. */
  follow() {
    if (this.#isLoaded) this.load(true);
  }

  resume() {
    this.#outbox.resume();
    this.load();
  }

  /** @param {string} text @param {string} shown @param {import("./question.js").Attached | null} picture */
  post(text, shown, picture) {
    /** @type {Question} */
    const question = { who: "user", id: newId(), text, shown, picture, state: "sending", note: "" };
    if (!this.chat.session().begun) this.#isLoaded = true; // all that will be said is known here
    this.chat.frame().notify("");
    this.chat.onMessage(text);
    this.#conversation.ask(question);
    this.transcript.ask(question);
    this.#outbox.push(question);
  }

  /** Sends what a button stands for, and goes on in the line. @param {string} payload @param {string} shown */
  choose(payload, shown) {
    this.chat.refocus();
    this.act(payload, shown);
  }

  /**
   * Sends what a button stands for, but not again while it is on its way.
   * @param {string} payload
   * @param {string} shown
   */
  act(payload, shown) {
    const isUnderway = this.#conversation.unsent.some(
      ({ text, state }) => text === payload && (state === "sending" || state === "waiting"),
    );
    if (!isUnderway) this.post(payload, shown, null);
  }

  /** @param {Question} question @param {any} body */
  #answered(question, body) {
    const answer = this.#conversation.answer(question, body);
    if (!answer) return false;
    this.#drawSearch(); // first, for it takes room from the transcript
    this.transcript.answer(question, answer);
    this.chat.session().announce();
    this.chat.onAnswer(answer);
    return true;
  }

  /** @param {Question} question */
  #edit(question) {
    this.#outbox.take(question);
    this.#conversation.drop(question);
    this.transcript.remove(question);
    this.chat.onEdit(question);
    this.#outbox.resume();
  }

  #redraw() {
    this.#drawSearch();
    this.transcript.reset(this.chat.welcome(), this.#conversation.entries);
  }

  #drawSearch() {
    const { search } = this.chat.frame();
    drawSearch(search, this.#conversation.search, (payload, shown) => this.choose(payload, shown));
  }

  /** @param {Question} question @param {import("./question.js").State} state @param {string} note */
  #setState(question, state, note) {
    Object.assign(question, { state, note });
    this.transcript.update(question);
    this.#conversation.save();
  }

  /** @param {boolean} busy */
  #setBusy(busy) {
    this.transcript.setBusy(busy);
    this.chat.frame().status.textContent = busy ? this.chat.waiting() : "";
  }
}
