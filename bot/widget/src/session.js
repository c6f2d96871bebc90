/** Who speaks: a sender, and the secret without which nobody else can be them. One for all tabs of a site. */
import { keep, newId, recall } from "./basics/storage.js";

/** @typedef {import("./server.js").Keys} Keys */

/** Names of the sessions that the chats of this page hold, so that two of them never share one unasked. */
const taken = new Set();

/** @param {any} value @returns {Keys | null} */
function checkKeys(value) {
  const { sender, secret } = value ?? {};
  return typeof sender === "string" && sender && typeof secret === "string" ? { sender, secret } : null;
}

export class Session {
  /** @type {Keys | null} */
  #keys = null;
  #key;
  #own = "";

  /**
   * @param {string} server its address: each has sessions of its own
   * @param {string | null} name chats of one name share a session; null for one that no other chat here has
   */
  constructor(server, name) {
    const key = (/** @type {string} */ which) => `showtell:session:${which}:${server}`;
    if (name === null) {
      let number = 1;
      while (taken.has(key(String(number)))) number++;
      this.#own = key(String(number));
      taken.add(this.#own);
    }
    this.#key = this.#own || key(name ?? "");
    this.reread();
  }

  /** Where a chat keeps what belongs to this session. @param {string} what */
  key(what) {
    return `${this.#key}:${what}`;
  }

  /** Whether anything was said in it as far as this browser knows. */
  get begun() {
    return this.#keys !== null;
  }

  /** @returns {Keys} */
  get keys() {
    return this.#keys ?? this.use({ sender: newId(), secret: newId() });
  }

  /** Takes keys as its own, in every tab; null forgets those it had. @template {Keys | null} K @param {K} keys */
  use(keys) {
    this.#keys = keys;
    keep("localStorage", this.#key, keys);
    return keys;
  }

  /** Lets the other tabs know that something was said. */
  announce() {
    keep("localStorage", this.key("turn"), newId());
  }

  /**
   * What another tab changed, or null where it is no business of this session.
   * @param {StorageEvent} event
   * @returns {"keys" | "turn" | null}
   */
  concerns({ key }) {
    if (key === null || key === this.#key) return "keys"; // null: all storage was emptied
    return key === this.key("turn") ? "turn" : null;
  }

  reread() {
    this.#keys = recall("localStorage", this.#key, checkKeys);
  }

  release() {
    taken.delete(this.#own);
  }
}
