/** A public screen forgets: when nobody has touched the chat for some minutes. */
import { keep, recall } from "./basics/storage.js";

const MINUTE_MS = 60_000;
const LONGEST_WAIT_MS = 2 ** 31 - 1; // what setTimeout can count to

export class Idle {
  #timer = 0;

  /** @param {{minutes: () => number, key: () => string, onIdle: () => void}} chat 0 minutes: for ever */
  constructor(chat) {
    this.chat = chat;
  }

  /** Somebody is there. */
  touch() {
    const limit = this.chat.minutes() * MINUTE_MS;
    if (!limit) return;
    keep("localStorage", this.chat.key(), Date.now());
    this.#wait(limit);
  }

  /** Whether nobody is there any more; a page that slept, or was loaded again, has missed its timer. */
  check() {
    const limit = this.chat.minutes() * MINUTE_MS;
    if (!limit) return;
    const seen = recall("localStorage", this.chat.key(), (value) => (Number.isFinite(value) ? value : null));
    const idle = seen === null ? limit : Date.now() - seen;
    if (idle < 0) this.touch(); // the clock was set back: the wait begins anew
    else if (idle < limit) this.#wait(limit - idle);
    else this.chat.onIdle();
  }

  /** @param {number} ms */
  #wait(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.check(), Math.min(ms, LONGEST_WAIT_MS));
  }

  stop() {
    clearTimeout(this.#timer);
  }
}
