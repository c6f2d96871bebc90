/** Who speaks: a sender, and the secret without which nobody else can be them. One for all tabs of a site. */
import { keep, newId, recall } from "./basics/storage.js";

/**
 * @typedef {import("./server.js").Keys} Keys
 * @typedef {"keys" | "turn"} Change what another chat did: begin or leave a conversation, say something
 */

/** Places of the chats of this page, so that two of them never share one. */
const taken = new Set();
/** What the chats of this page tell each other: the browser's own `storage` event reaches other tabs only. */
const page = new EventTarget();

/** The server's own bounds. */
const LONGEST = 200;

/** @param {unknown} value */
const isName = (value) => typeof value === "string" && value.length <= LONGEST;

/** @param {any} value @returns {Keys | null} */
function checkKeys(value) {
  const { sender, secret } = value ?? {};
  return sender && isName(sender) && isName(secret) ? { sender, secret } : null;
}

export class Session {
  /** @type {Keys | null} */
  #keys = null;
  #key;
  #place;
  #listening = new AbortController();

  /**
   * @param {string} server its address: each has sessions of its own
   * @param {string | null} name chats of one name share a session; null for one that no other chat here has
   * @param {(what: Change) => void} onChange
   */
  constructor(server, name, onChange) {
    const key = (/** @type {string | number} */ which) => `showtell:session:${which}:${server}`;
    const place = (/** @type {number} */ at) => (name === null ? key(at) : at === 1 ? key(name) : `${key(name)}#${at}`);
    let at = 1;
    while (taken.has(place(at))) at++;
    this.#place = place(at);
    this.#key = name === null ? this.#place : key(name);
    this.onChange = onChange;
    taken.add(this.#place);
    this.#keys = this.#stored();
    const { signal } = this.#listening;
    addEventListener("storage", ({ key }) => this.#changed(key, this.#stored()), { signal });
    page.addEventListener("change", (event) => this.#heard(/** @type {CustomEvent} */ (event).detail), { signal });
  }

  /** Where what belongs to this session is kept. @param {string} what */
  key(what) {
    return `${this.#key}:${what}`;
  }

  /** Where a chat keeps what is its own beside others of the session. @param {string} what */
  own(what) {
    return `${this.#place}:${what}`;
  }

  /** Whether anything was said in it as far as this browser knows. */
  get begun() {
    return this.#keys !== null;
  }

  /** Made at the first message, unless another chat has made them meanwhile. @returns {Keys} */
  get keys() {
    this.#keys ??= this.#stored();
    return this.#keys ?? this.use({ sender: newId(), secret: newId() });
  }

  /** Takes keys as its own, in every chat and tab; null forgets those it had. @template {Keys | null} K @param {K} keys */
  use(keys) {
    this.#keys = keys;
    keep("localStorage", this.#key, keys);
    this.#tell(this.#key);
    return keys;
  }

  /** Lets the other chats and tabs know that something was said. */
  announce() {
    keep("localStorage", this.key("turn"), newId());
    this.#tell(this.key("turn"));
  }

  /** Leaves its place to another chat, once: it may be another's by then. */
  release() {
    if (!this.#listening.signal.aborted) taken.delete(this.#place);
    this.#listening.abort();
  }

  #stored() {
    return recall("localStorage", this.#key, checkKeys);
  }

  /** @param {string} key */
  #tell(key) {
    page.dispatchEvent(new CustomEvent("change", { detail: { from: this, key, keys: this.#keys } }));
  }

  /** @param {{from: Session, key: string, keys: Keys | null}} change */
  #heard({ from, key, keys }) {
    if (from !== this) this.#changed(key, keys);
  }

  /** @param {string | null} key of what has changed; null: all storage was emptied @param {Keys | null} keys */
  #changed(key, keys) {
    if (key === this.key("turn")) return this.onChange("turn");
    if (key !== null && key !== this.#key) return;
    this.#keys = keys;
    this.onChange("keys");
  }
}
