/** Delivers messages one after the other. */
import { say } from "./basics/words.js";
import { outgoing } from "./question.js";

/** @typedef {import("./question.js").Question} Question */

const AUTOMATIC_RETRIES = 4;

/** @param {number} ms @param {AbortSignal} signal @returns {Promise<void>} */
const pause = (ms, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });

/** What went wrong, for who chats. @param {number} status @param {any} body */
function sentence(status, body) {
  if (body?.concerns === "operator") return say("not_here");
  return typeof body?.detail === "string" ? body.detail : say(status >= 500 ? "server_error" : "refused");
}

/**
 * A message that cannot be delivered stays at the head, so that nothing overtakes it: Retry, the next
 * message, or the network coming back set the line in motion again. The server knows a message by its
 * id, so that one whose answer was lost is answered again, not carried out again.
 */
export class Outbox {
  /** @type {Question[]} */
  #items = [];
  #running = false;
  #stop = new AbortController();

  /**
   * @param {() => Pick<import("./server.js").Server, "post">} server
   * @param {{keys: () => import("./server.js").Keys,
   *   onState: (question: Question, state: import("./question.js").State, note: string) => void,
   *   onAnswer: (question: Question, body: any) => boolean,
   *   onBusy: (busy: boolean) => void}} chat onAnswer says whether it could read the answer
   */
  constructor(server, chat) {
    this.server = server;
    this.chat = chat;
  }

  /** @param {Question} question */
  push(question) {
    if (!this.#items.includes(question)) this.#items.push(question);
    this.resume();
  }

  /** Gives up one message, whose text is taken back. @param {Question} question */
  take(question) {
    if (this.#items[0] === question) this.stop();
    this.#items = this.#items.filter((item) => item !== question);
  }

  /** Gives up waiting for the answer to the first message; it stays at the head. */
  stop() {
    const [first] = this.#items;
    this.#interrupt();
    if (first) this.chat.onState(first, "failed", say("stopped"));
  }

  clear() {
    this.#interrupt();
    this.#items = [];
  }

  #interrupt() {
    this.#stop.abort();
    this.#stop = new AbortController();
    this.#running = false;
    this.chat.onBusy(false);
  }

  async resume() {
    if (this.#running || !this.#items.length) return;
    this.#running = true;
    const { signal } = this.#stop;
    while (this.#items.length) {
      const settled = await this.#deliver(this.#items[0], signal);
      if (signal.aborted) return;
      if (!settled) break;
      this.#items.shift();
    }
    for (const item of this.#items.slice(1)) this.chat.onState(item, "waiting", say("waits"));
    this.#running = false;
    this.chat.onBusy(false);
  }

  /**
   * True when the message needs no further attempt (answered or refused).
   * @param {Question} question
   * @param {AbortSignal} signal
   */
  async #deliver(question, signal) {
    for (let attempt = 0; ; attempt++) {
      if (!navigator.onLine) {
        this.chat.onState(question, "waiting", say("sent_later"));
        return false;
      }
      this.chat.onState(question, "sending", "");
      this.chat.onBusy(true);
      const response = await this.server().post(this.chat.keys(), outgoing(question), signal, (share) => {
        const percent = Math.round(100 * share);
        this.chat.onState(question, "sending", share < 1 ? say("uploading", { percent }) : "");
      });
      if (signal.aborted) return false;
      this.chat.onBusy(false);
      if (response === null) {
        this.chat.onState(question, "failed", say("unreachable"));
        return false;
      }
      const { status, body, wait } = response;
      if (status === 200) return this.#accept(question, body);
      const problem = sentence(status, body);
      const busy = status === 503 || status === 429;
      if (busy && attempt < AUTOMATIC_RETRIES) {
        this.chat.onState(question, "waiting", say("trying_again", { problem, seconds: wait }));
        await pause(wait * 1000, signal);
        if (signal.aborted) return false;
        continue;
      }
      const final = status < 500 && !busy;
      this.chat.onState(question, final ? "refused" : "failed", problem);
      return final;
    }
  }

  /** @param {Question} question @param {any} body */
  #accept(question, body) {
    this.chat.onState(question, "sent", "");
    if (this.chat.onAnswer(question, body)) return true;
    this.chat.onState(question, "failed", say("unreadable"));
    return false;
  }
}
