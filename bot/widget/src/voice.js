/** Speech in and out, by what the browser has for it; a site turns it on. */
import { iconButton } from "./basics/elements.js";
import { language, say } from "./basics/words.js";

/** @type {any} Chromium and Safari have it under a name of their own, Firefox not at all. */
const Recognition = /** @type {any} */ (window).SpeechRecognition ?? /** @type {any} */ (window).webkitSpeechRecognition;

export class Voice {
  /** @type {any} what listens now */
  #listening = null;
  /** Who has spoken is answered aloud. */
  #isSpoken = false;

  /** @param {{onWords: (text: string) => void, onSaid: () => void, onRefuse: (sentence: string) => void}} composer */
  constructor(composer) {
    this.composer = composer;
    this.button = iconButton("microphone", say("speak"), () => (this.#listening ? this.#listening.stop() : this.#listen()), {
      "aria-pressed": "false",
      hidden: true,
    });
  }

  /** @param {boolean} wanted */
  allow(wanted) {
    this.button.hidden = !wanted || !Recognition;
    if (this.button.hidden) this.quiet();
  }

  /** Reads an answer aloud, if its question was spoken. @param {string} text */
  answer(text) {
    if (!this.#isSpoken || !text) return;
    this.#isSpoken = false;
    const aloud = new SpeechSynthesisUtterance(text);
    aloud.lang = language;
    speechSynthesis.speak(aloud);
  }

  quiet() {
    this.#listening?.abort();
    this.#isSpoken = false;
    window.speechSynthesis?.cancel();
  }

  #listen() {
    this.quiet();
    const listening = new Recognition();
    listening.lang = language;
    listening.interimResults = true;
    let words = "";
    listening.onresult = (/** @type {any} */ { results }) => {
      words = [...results].map(([best]) => best.transcript).join("");
      this.composer.onWords(words);
    };
    listening.onerror = (/** @type {any} */ { error }) => {
      words = "";
      if (error === "not-allowed" || error === "service-not-allowed") this.composer.onRefuse(say("no_microphone"));
    };
    listening.onend = () => {
      this.#show(null);
      this.#isSpoken = words !== "";
      if (words) this.composer.onSaid();
    };
    this.#show(listening);
    listening.start();
  }

  /** @param {any} listening */
  #show(listening) {
    this.#listening = listening;
    this.button.setAttribute("aria-pressed", String(listening !== null));
  }
}
