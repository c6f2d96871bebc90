/** One conversation as this browser knows it: what the server has answered, and what is on its way. */
import { readAnswer } from "./answer.js";
import { keep, recall } from "./basics/storage.js";
import { say } from "./basics/words.js";
import { checkQuestion } from "./question.js";

/**
 * @typedef {import("./answer.js").Answer} Answer
 * @typedef {import("./question.js").Question} Question
 */

export class Conversation {
  /** @type {{question: Question, answer: Answer}[]} */
  exchanges = [];
  /** @type {Question[]} not answered yet, or refused */
  unsent = [];
  /** @type {Map<string, string>} */
  #captions = new Map();

  /** @param {string} key where unsent messages are kept over a reload */
  constructor(key) {
    this.key = key;
    const stored = recall("sessionStorage", key, (value) => (Array.isArray(value) ? value : null)) ?? [];
    for (const value of stored) {
      const question = checkQuestion(value);
      if (question) this.unsent.push({ ...question, note: say("reloaded") });
    }
  }

  /** @returns {(Question | Answer)[]} */
  get entries() {
    return [...this.exchanges.flatMap(({ question, answer }) => [question, answer]), ...this.unsent];
  }

  /** The search as it stands, in parts. */
  get search() {
    return this.exchanges.at(-1)?.answer.search ?? [];
  }

  /** @param {Question} question */
  ask(question) {
    this.unsent.push(question);
    this.save();
  }

  /** @param {Question} question */
  drop(question) {
    this.unsent = this.unsent.filter((one) => one !== question);
    this.save();
  }

  /**
   * Takes an answer; null when it cannot be read.
   * @param {Question} question
   * @param {any} body
   */
  answer(question, body) {
    const answer = readAnswer(body, this.#captions);
    if (!answer) return null;
    this.exchanges.push({ question, answer });
    this.drop(question);
    return answer;
  }

  /**
   * Becomes what the server remembers.
   * @param {any} body
   * @returns {(Question | Answer)[] | null} what is new; null where it does not just go on from what was known
   */
  become(body) {
    const known = this.exchanges;
    /** @type {{question: Question, answer: Answer}[]} */
    const exchanges = [];
    for (const { id, text, picture, answer } of Array.isArray(body?.messages) ? body.messages : []) {
      const read = readAnswer(answer, this.#captions);
      if (!read) continue;
      const data = picture?.jpeg ? `data:image/jpeg;base64,${picture.jpeg}` : "";
      const attached = picture ? { name: say("your_picture"), data } : null;
      /** @type {Question} */
      const question = { who: "user", id, text, shown: text, picture: attached, state: "sent", note: "" };
      exchanges.push({ question, answer: read });
    }
    this.exchanges = exchanges;
    const goesOn = known.every(({ question }, at) => question.id === exchanges[at]?.question.id);
    return goesOn ? exchanges.slice(known.length).flatMap(({ question, answer }) => [question, answer]) : null;
  }

  /** Unsent messages that were answered after all. */
  get answered() {
    const ids = new Set(this.exchanges.map(({ question }) => question.id));
    return this.unsent.filter(({ id }) => ids.has(id));
  }

  save() {
    keep("sessionStorage", this.key, this.unsent.length ? this.unsent : null);
  }
}
