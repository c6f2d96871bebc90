/** The element itself: its attributes, its methods, and what happens when. */
import { safeUrl, HOME } from "./basics/addresses.js";
import { keep, recall } from "./basics/storage.js";
import { say } from "./basics/words.js";
import { Composer } from "./composer.js";
import { Frame } from "./frame.js";
import { Idle } from "./idle.js";
import { drawMarkdown } from "./markdown.js";
import { Rasa } from "./rasa.js";
import { Server } from "./server.js";
import { Session } from "./session.js";
import { Talk } from "./talk.js";
import { Viewer } from "./viewer.js";

/** @typedef {import("./answer.js").Picture} Picture */

/** Attributes that say with whom the chat speaks, and as whom. */
const ADDRESSES = ["server", "rasa", "session"];
/** Attributes that are properties too: frameworks set the property where there is one. */
const PROPERTIES = /** @type {const} */ (["server", "inline", "examples"]);

export class ShowtellChat extends HTMLElement {
  static observedAttributes = ["title", "placeholder", "accent", "open", "inline", "examples", "welcome", "voice", ...ADDRESSES];

  #own = new Server(() => this.server);
  #rasa = new Rasa(() => this.server, () => this.#current.key("rasa"));
  /** @type {Session | null} */
  #session = null;
  #viewer = new Viewer({
    resolve: (address) => this.#resolve(address) ?? "",
    onJudge: (picture, what) => this.#judge(picture, what),
    onShow: (picture) => this.#tell("picture", { picture }),
  });
  /** @type {Talk} */
  #talk = new Talk({
    server: () => this.#server,
    session: () => this.#current,
    frame: () => this.#frame,
    welcome: () => this.#welcome,
    resolve: (address) => this.#resolve(address),
    onView: (pictures, at) => this.#viewer.show(pictures, at),
    onSimilar: (picture) => this.#judge(picture, "similar"),
    onRatings: (ratings) => this.#viewer.remember(ratings),
    waiting: () => say(this.#isRasa ? "waiting" : "looking"),
    onMessage: (text) => this.#tell("message", { text }),
    onEdit: ({ shown, picture }) => this.#composer.edit(shown, picture),
    onAnswer: ({ replies }) => this.#answered(replies),
    refocus: () => this.#refocus(),
  });
  #composer = new Composer({
    draftKey: () => this.#current.own("draft"),
    onSend: (text, picture) => this.#talk.post(text, text, picture),
  });
  /** @type {Frame} */
  #frame = new Frame({
    transcript: this.#talk.transcript,
    composer: this.#composer,
    viewer: this.#viewer,
    onNew: () => this.newChat(),
    onToggle: () => (this.hasAttribute("open") ? this.hide() : this.show()),
    onHide: () => this.inline || this.hide(),
  });
  #idle = new Idle({
    minutes: () => Math.max(0, Number(this.getAttribute("forget-after"))) || 0,
    key: () => this.#current.key("seen"),
    onIdle: () => this.#forget(),
  });
  #listening = new AbortController();
  /** @type {string[] | null} what the server proposes to ask for; null: it was not asked yet */
  #proposed = null;

  connectedCallback() {
    if (!this.shadowRoot) this.#frame.enter(this.attachShadow({ mode: "open" }));
    for (const name of PROPERTIES) this.#upgrade(name);
    const { signal } = (this.#listening = new AbortController());
    addEventListener("online", () => (this.#frame.setOnline(), this.#talk.resume()), { signal });
    addEventListener("offline", () => this.#frame.setOnline(), { signal });
    for (const sign of ["pointerdown", "keydown"]) this.addEventListener(sign, () => this.#idle.touch(), { signal });
    document.addEventListener("visibilitychange", () => this.#idle.check(), { signal });
    this.#frame.setOnline();
    this.#join();
    this.#idle.check();
    this.#apply();
  }

  disconnectedCallback() {
    this.#listening.abort();
    this.#idle.stop();
    this.#composer.voice.quiet();
    this.#session?.release();
  }

  /** @param {string} name */
  attributeChangedCallback(name) {
    if (!this.#session || !this.isConnected) return;
    if (ADDRESSES.includes(name)) this.#join();
    if (name === "examples" || name === "welcome") this.#talk.transcript.greet(this.#welcome);
    else this.#apply();
  }

  /** Where the server is; its trailing slash lets it live under a path. @returns {string} */
  get server() {
    const address = safeUrl(this.getAttribute("rasa") || this.getAttribute("server") || HOME, document.baseURI) ?? HOME;
    return address.endsWith("/") ? address : `${address}/`;
  }

  /** @param {string | null} address */
  set server(address) {
    this.#reflect("server", address);
  }

  /** @returns {boolean} */
  get inline() {
    return this.hasAttribute("inline");
  }

  /** @param {unknown} inline true, or "" as of an attribute without a value */
  set inline(inline) {
    this.toggleAttribute("inline", inline === "" || Boolean(inline));
  }

  /** @returns {string[]} */
  get examples() {
    return (this.getAttribute("examples") ?? "").split("|").map((example) => example.trim()).filter(Boolean);
  }

  /** @param {string[] | string | null} texts a string as in the attribute */
  set examples(texts) {
    this.#reflect("examples", Array.isArray(texts) ? texts.join("|") : texts);
  }

  /** Sends a message as if it had been typed. @param {string} text @param {string} [shown] */
  send(text, shown = text) {
    if (text.trim()) this.#talk.post(text.trim(), shown, null);
  }

  show() {
    this.setAttribute("open", "");
    this.#composer.box.focus();
  }

  hide() {
    this.removeAttribute("open");
    this.#composer.voice.quiet();
    this.#frame.launcher.focus();
  }

  /** Leaves this conversation, here and in every tab, and begins another; a button takes that back. */
  newChat() {
    const act = this.#talk.leave();
    if (act) this.#frame.notify(say("began_anew"), { words: say("undo"), act });
    this.#composer.box.focus();
  }

  /** Whether it talks to a Rasa server instead of one of ours. */
  get #isRasa() {
    return this.hasAttribute("rasa");
  }

  get #server() {
    return this.#isRasa ? this.#rasa : this.#own;
  }

  get #current() {
    if (!this.#session) throw new Error("showtell-chat: add the element to a page before using it");
    return this.#session;
  }

  get #isOpen() {
    return this.inline || this.hasAttribute("open");
  }

  /** Takes up the session that its attributes name, unless it has it already. */
  #join() {
    this.#session?.release();
    const server = this.#isRasa ? `rasa:${this.server}` : this.server;
    const session = new Session(server, this.getAttribute("session"), (what) => this.#changedElsewhere(what));
    const isAnother = session.own("") !== this.#session?.own("");
    this.#session = session;
    if (!isAnother) return;
    this.#proposed = null;
    if (recall("sessionStorage", session.own("open"), (value) => value === true || null)) this.setAttribute("open", "");
    this.#talk.begin(this.#isOpen);
    this.#composer.restoreDraft();
    if (this.#isOpen) this.#propose();
  }

  /** Takes over a property that was set before the element was defined. @param {typeof PROPERTIES[number]} name */
  #upgrade(name) {
    if (!Object.hasOwn(this, name)) return;
    const value = this[name];
    Reflect.deleteProperty(this, name);
    Reflect.set(this, name, value);
  }

  /** @param {string} name @param {string | null | undefined} value */
  #reflect(name, value) {
    if (value === null || value === undefined) this.removeAttribute(name);
    else this.setAttribute(name, value);
  }

  #forget() {
    this.#viewer.dialog.close();
    this.#composer.clear();
    this.#talk.leave();
    this.#frame.notify(""); // nor can the next one take "New chat" back
    keep("localStorage", this.#current.key("rasa"), null);
  }

  /** @param {import("./session.js").Change} what */
  #changedElsewhere(what) {
    if (what === "turn") this.#talk.follow();
    else this.#talk.begin(this.#isOpen);
  }

  /** @param {import("./answer.js").Reply[]} replies */
  #answered(replies) {
    if (!this.#isOpen) this.#frame.launcher.classList.add("news");
    this.#idle.touch();
    const blocks = replies.flatMap(({ text }) => drawMarkdown(text));
    this.#composer.voice.answer(blocks.map(({ textContent }) => textContent).join(" "));
    this.#tell("answer", { replies });
  }

  /** @param {Picture} picture @param {import("./viewer.js").Judgement} what */
  #judge(picture, what) {
    const rating = what === "up" || what === "down" ? what : undefined;
    const intent = { similar: "similar_to_image", unlike: "unlike_image", up: "rate_image", down: "rate_image" }[what];
    const payload = JSON.stringify({ image: picture.id, ...(rating && { rating }) });
    this.#talk.act(`/${intent}${payload}`, say(`said_${what}`, { caption: picture.caption }));
    if (!rating) this.#refocus();
  }

  /** @returns {import("./answer.js").Answer} */
  get #welcome() {
    const examples = this.hasAttribute("examples") ? this.examples : (this.#proposed ?? []);
    const choices = examples.map((example) => ({ title: example, payload: example }));
    const text = this.getAttribute("welcome") || (this.#isRasa ? "" : say("welcome"));
    const replies = text || choices.length ? [{ text, images: [], choices }] : [];
    return { who: "bot", replies, search: [] };
  }

  async #propose() {
    if (this.#proposed || this.hasAttribute("examples")) return;
    this.#proposed = [];
    const about = await this.#server.about();
    if (!Array.isArray(about?.examples)) return;
    this.#proposed = about.examples.map(String);
    this.#talk.transcript.greet(this.#welcome);
  }

  #apply() {
    const title = this.getAttribute("title") || "Showtell";
    this.#composer.box.placeholder = this.getAttribute("placeholder") || say(this.#isRasa ? "message" : "placeholder");
    this.#composer.allow({ pictures: !this.#isRasa, voice: this.hasAttribute("voice") });
    const wasOpen = this.#frame.root.classList.contains("open");
    this.#frame.apply({ title, inline: this.inline, open: this.#isOpen, accent: this.getAttribute("accent") });
    if (wasOpen === this.#isOpen) return;
    keep("sessionStorage", this.#current.own("open"), this.hasAttribute("open") || null);
    if (this.#isOpen) {
      this.#propose();
      this.#talk.load();
    }
    this.#tell("open", { open: this.#isOpen });
  }

  /** Focus goes where the next thing is said; on touch screens without calling up the keyboard. */
  #refocus() {
    const isTouched = matchMedia("(pointer: coarse)").matches;
    (isTouched ? this.#talk.transcript.node : this.#composer.box).focus({ preventScroll: true });
  }

  /** Pictures lie below the server's own address, which may have a path. @param {string} address */
  #resolve(address) {
    return safeUrl(address.replace(/^\/(?!\/)/, ""), this.server);
  }

  /** @param {string} what @param {object} detail */
  #tell(what, detail) {
    this.dispatchEvent(new CustomEvent(`showtell:${what}`, { detail, bubbles: true, composed: true }));
  }
}
