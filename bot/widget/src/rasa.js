/** Any Rasa server, by its REST channel, in the place of our own: what it says becomes an answer of ours. */
import { keep, recall } from "./basics/storage.js";
import { deliver } from "./server.js";

/** @typedef {import("./server.js").Keys} Keys */
/** @typedef {import("./server.js").Outgoing} Outgoing */

const LONGEST_TALK = 60;
/** Rasa does not say how large its pictures are. */
const UNKNOWN_SIZE = { width: 4, height: 3 };

export class Rasa {
  /**
   * @param {() => string} address ends with a slash
   * @param {() => string} key where the talk is kept: a Rasa server does not tell what was said
   */
  constructor(address, key) {
    this.address = address;
    this.key = key;
  }

  /**
   * Sends a message, as `Server.post` does; pictures and ids of messages have no place in it.
   * @param {Keys} keys
   * @param {Outgoing} message
   * @param {AbortSignal} signal
   */
  async post({ sender }, { id, text, shown }, signal) {
    const body = JSON.stringify({ sender, message: text });
    const response = await deliver(new URL("webhooks/rest/webhook", this.address()).href, body, signal);
    if (response?.status !== 200) return response;
    const answer = readItems(response.body);
    if (answer) {
      const talk = [...this.#talk(sender), { id, text: shown, picture: null, answer }];
      keep("localStorage", this.key(), { sender, messages: talk.slice(-LONGEST_TALK) });
    }
    return { ...response, body: answer };
  }

  /** @param {Keys} keys */
  async history({ sender }) {
    return { messages: this.#talk(sender), ratings: {} };
  }

  async about() {
    return null;
  }

  /** @param {string} whose @returns {any[]} */
  #talk(whose) {
    const kept = recall("localStorage", this.key(), (value) => (Array.isArray(value?.messages) ? value : null));
    return kept?.sender === whose ? kept.messages : [];
  }
}

/**
 * Rasa's array of messages as the body of an answer; null when it is none. What it has beside texts,
 * pictures and buttons is left out, but for what our own actions tell of their pictures.
 * @param {any} items
 */
function readItems(items) {
  if (!Array.isArray(items)) return null;
  const facts = new Map(items.flatMap((item) => list(item?.custom?.data?.images)).map((fact) => [fact?.url, fact]));
  /** @type {{text?: string, images: object[], quick_replies?: any}[]} */
  const replies = [];
  for (const { text, image, buttons } of items.map((item) => item ?? {})) {
    if (text || buttons) replies.push({ text, images: [], quick_replies: buttons });
    if (typeof image !== "string") continue;
    if (!replies.length) replies.push({ images: [] });
    replies[replies.length - 1].images.push(facts.get(image.split("?")[0]) ?? { url: image, ...UNKNOWN_SIZE });
  }
  return { replies };
}

/** @param {unknown} value @returns {any[]} */
const list = (value) => (Array.isArray(value) ? value : []);
