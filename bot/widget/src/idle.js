/** A public screen forgets: when nobody has touched the chat for some minutes. */
import { keep, recall } from "./basics/storage.js";

const MINUTE_MS = 60_000;

export class Idle {
  #timer = 0;

  /** @param {{minutes: () => number, key: () => string, onIdle: () => void}} chat 0 minutes: for ever */
  constructor(chat) {
    this.chat = chat;
  }

  /** Somebody is there. */
  touch() {
    const minutes = this.chat.minutes();
    if (!minutes) return;
    keep("localStorage", this.chat.key(), Date.now());
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.check(), minutes * MINUTE_MS);
  }

  /** Whether nobody is there any more; a page that slept has missed its timer. */
  check() {
    const minutes = this.chat.minutes();
    if (!minutes) return;
    const seen = recall("localStorage", this.chat.key(), (value) => (Number.isFinite(value) ? value : null));
    if (seen === null || Date.now() - seen >= minutes * MINUTE_MS) this.chat.onIdle();
  }

  stop() {
    clearTimeout(this.#timer);
  }
}
