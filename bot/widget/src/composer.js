/** Where a message is written: the line, its picture, and a draft that survives a reload. */
import { Attachment } from "./attachment.js";
import { iconButton, make } from "./basics/elements.js";
import { keep, recall } from "./basics/storage.js";
import { limits, say } from "./basics/words.js";
import { checkAttached } from "./question.js";
import { Voice } from "./voice.js";

/** @typedef {import("./question.js").Attached} Attached */

const TALLEST = 140;

export class Composer {
  /** @type {Promise<void>} messages whose pictures are still being made smaller, in their order */
  #line = Promise.resolve();
  #drags = 0;
  #takesPictures = true;

  /** @param {{draftKey: () => string, onSend: (text: string, picture: Attached | null) => void}} chat */
  constructor(chat) {
    this.chat = chat;
    this.problem = make("p", { class: "problem", role: "alert" });
    this.attachment = new Attachment({
      onChange: () => this.#saveDraft(),
      onRefuse: (sentence) => (this.problem.textContent = sentence),
      onRemove: () => this.box.focus(),
    });
    this.voice = new Voice({
      onWords: (text) => ((this.box.value = text), this.#grow()),
      onSaid: () => this.submit(),
      onRefuse: (sentence) => (this.problem.textContent = sentence),
    });
    this.box = make("textarea", {
      rows: 1,
      "aria-label": say("message"),
      autocomplete: "off",
      enterkeyhint: "send",
      part: "input",
      oninput: () => (this.#grow(), this.#saveDraft()),
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.#typed(event),
      onpaste: (/** @type {ClipboardEvent} */ event) => this.#pasted(event),
    });
    this.#fitWhenResized();
    const picker = this.#picker({ multiple: true });
    const camera = this.#picker({ capture: "environment" });
    this.pictureButtons = [
      iconButton("picture", say("add_picture"), () => picker.click()),
      iconButton("camera", say("take_picture"), () => camera.click(), { class: "icon camera" }),
    ];
    this.node = make(
      "form",
      { part: "composer", onsubmit: (/** @type {Event} */ event) => (event.preventDefault(), this.submit()) },
      this.attachment.node,
      this.problem,
      make(
        "div",
        { class: "line" },
        ...this.pictureButtons,
        this.box,
        this.voice.button,
        iconButton("send", say("send"), () => {}, { type: "submit", class: "icon send", part: "send" }),
      ),
      picker,
      camera,
    );
  }

  /** @param {{pictures: boolean, voice: boolean}} ways in beside the keys */
  allow({ pictures, voice }) {
    this.#takesPictures = pictures;
    for (const button of this.pictureButtons) button.hidden = !pictures;
    this.voice.allow(voice);
  }

  /** Puts something into the line to be changed: what was typed stays above it. @param {string} text @param {Attached | null} picture */
  edit(text, picture) {
    this.box.value = [this.box.value.trim(), text].filter(Boolean).join("\n");
    if (picture?.data) this.attachment.put(picture);
    this.#grow();
    this.#saveDraft();
    this.box.focus();
  }

  submit() {
    const text = this.box.value.trim();
    if (!text && !this.attachment.present) return;
    if (text.length > limits.text) {
      this.problem.textContent = say("too_long", { length: text.length, most: limits.text });
      return;
    }
    this.box.value = "";
    this.#grow();
    const picture = this.attachment.take();
    this.#line = this.#line.then(async () => {
      const attached = await picture;
      if (text || attached) this.chat.onSend(text, attached);
    });
  }

  clear() {
    this.box.value = "";
    this.attachment.take();
    keep("sessionStorage", this.chat.draftKey(), null);
    this.#grow();
  }

  restoreDraft() {
    const draft = recall("sessionStorage", this.chat.draftKey(), (value) =>
      typeof value?.text === "string" ? { text: value.text, picture: checkAttached(value.picture) } : null,
    );
    if (!draft) return;
    this.box.value = draft.text;
    if (draft.picture) this.attachment.put(draft.picture);
    this.#grow();
  }

  async #saveDraft() {
    const picture = await this.attachment.peek();
    const text = this.box.value;
    keep("sessionStorage", this.chat.draftKey(), text || picture ? { text, picture } : null);
  }

  /** @param {KeyboardEvent} event */
  #typed(event) {
    // Safari ends a composition before its Enter arrives; only the old key code still tells.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this.submit();
  }

  #grow() {
    this.problem.textContent = "";
    this.#fit();
  }

  /** Makes the line as high as its text; what is not laid out has no height to measure. */
  #fit() {
    this.box.style.height = "";
    const { scrollHeight } = this.box;
    if (scrollHeight) this.box.style.height = `${Math.min(scrollHeight, TALLEST)}px`;
  }

  /** Fits the line again where it is shown, or has become narrower. */
  #fitWhenResized() {
    let width = 0;
    new ResizeObserver(([{ contentRect }]) => {
      if (contentRect.width === width) return;
      width = contentRect.width;
      requestAnimationFrame(() => this.#fit()); // not within the observer, which would observe its own doing
    }).observe(this.box);
  }

  /** @param {Record<string, unknown>} attributes */
  #picker(attributes) {
    const picker = make("input", {
      type: "file",
      accept: "image/*",
      hidden: true,
      ...attributes,
      onchange: () => {
        this.#choose(picker.files);
        picker.value = "";
      },
    });
    return picker;
  }

  /** @param {FileList | null | undefined} files */
  #choose(files) {
    this.problem.textContent = "";
    this.attachment.choose([...(files ?? [])]);
    this.box.focus();
  }

  /** @param {ClipboardEvent} event */
  #pasted(event) {
    const files = event.clipboardData?.files;
    if (!this.#takesPictures || ![...(files ?? [])].some(({ type }) => type.startsWith("image/"))) return;
    event.preventDefault();
    this.#choose(files);
  }

  /** Lets pictures be dropped on an element, which says so by its class. @param {HTMLElement} panel */
  dropsOn(panel) {
    const files = (/** @type {DragEvent} */ event) =>
      this.#takesPictures && event.dataTransfer?.types.includes("Files");
    const dragged = (/** @type {DragEvent} */ event, /** @type {number} */ by) => {
      if (!files(event)) return;
      event.preventDefault();
      // Entering a child comes before leaving its parent: count, or the hint flickers.
      this.#drags = by ? this.#drags + by : 0;
      panel.classList.toggle("dropping", this.#drags > 0);
    };
    panel.addEventListener("dragenter", (event) => dragged(event, 1));
    panel.addEventListener("dragleave", (event) => dragged(event, -1));
    panel.addEventListener("dragover", (event) => files(event) && event.preventDefault());
    panel.addEventListener("drop", (event) => {
      dragged(event, 0);
      if (files(event)) this.#choose(event.dataTransfer?.files);
    });
  }
}
