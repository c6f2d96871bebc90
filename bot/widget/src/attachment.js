/** The picture that is about to be sent: chosen, made smaller, shown above the line. */
import { blobFromData, drawPicture } from "./basics/canvas.js";
import { icon, iconButton, make } from "./basics/elements.js";
import { limits, say } from "./basics/words.js";

/** @typedef {import("./question.js").Attached} Attached */

/** Ample for what a model looks at; drawn anew, a photograph loses its place and date on the way. */
const LONGEST_SIDE = 1280;
const QUALITY = 0.88;
const PREVIEW = 320;
/** What every browser draws, unless it is damaged; and drawings, of which no server of ours makes a picture. */
const DRAWN = /\/(png|jpeg|gif|webp|bmp|svg\+xml)$/;

/** @param {number} bytes */
function readableSize(bytes) {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} KB` : `${Math.round(bytes / 1e5) / 10} MB`;
}

/** Whether the server may read what this browser could not draw. @param {File} file */
function mayBeRead({ type, size }) {
  return size > 0 && !DRAWN.test(type);
}

/** @param {Blob} blob @returns {Promise<string>} */
function dataOf(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = reject;
    reader.readAsDataURL(blob);
  });
}

export class Attachment {
  /** @type {Promise<Attached | null> | null} null: there is none */
  #picture = null;

  /** @param {{onChange: () => void, onRefuse: (sentence: string) => void, onRemove: () => void}} composer */
  constructor(composer) {
    this.composer = composer;
    this.node = make("div", { class: "preview", part: "attachment", hidden: true });
  }

  get present() {
    return this.#picture !== null;
  }

  /** Hands the picture over once it is small enough; it counts from the moment it was chosen. */
  take() {
    const picture = this.#picture ?? Promise.resolve(null);
    this.#show(null);
    return picture;
  }

  /** The picture without taking it, for the draft. */
  peek() {
    return this.#picture ?? Promise.resolve(null);
  }

  /** @param {File[]} files what was chosen, dropped or pasted */
  choose(files) {
    const file = files.find(({ type }) => type.startsWith("image/"));
    if (!file) {
      if (files.length) this.#refuse(files[0]);
      return;
    }
    const picture = this.#shrink(file);
    this.#show(picture, file.name || say("picture"), readableSize(file.size));
    if (files.length > 1) this.composer.onRefuse(say("one_picture", { name: file.name }));
    picture.then((shrunk) => {
      if (this.#picture === picture) this.#drawn(shrunk, file);
    });
  }

  /** Puts back a picture that was taken before. @param {Attached} picture */
  put(picture) {
    const ready = Promise.resolve(picture);
    this.#show(ready, picture.name, "");
    this.#preview(picture);
  }

  /** @param {File} file @returns {Promise<Attached | null>} null where it cannot be sent */
  async #shrink(file) {
    try {
      const canvas = await drawPicture(file, LONGEST_SIDE);
      return { name: file.name, data: canvas.toDataURL("image/jpeg", QUALITY) };
    } catch {
      // A kind of picture that this browser cannot draw; the server may well read it.
      return file.size > limits.bytes || !mayBeRead(file) ? null : { name: file.name, data: await dataOf(file) };
    }
  }

  /** @param {Attached | null} shrunk @param {File} file */
  #drawn(shrunk, file) {
    if (shrunk) return this.#preview(shrunk);
    this.#show(null);
    if (!mayBeRead(file)) return this.#refuse(file);
    const values = { size: readableSize(file.size), most: readableSize(limits.bytes) };
    this.composer.onRefuse(say("too_large", values));
  }

  /** @param {File} file */
  #refuse({ name }) {
    this.composer.onRefuse(say("no_picture", { name, formats: limits.formats.join(", ") }));
  }

  /** @param {Attached} picture */
  async #preview(picture) {
    const drawn = await drawAttached(picture).catch(() => null);
    const place = this.node.firstElementChild;
    if (drawn && place?.localName === "svg") place.replaceWith(drawn);
    this.composer.onChange();
  }

  /** @param {Promise<Attached | null> | null} picture @param {string} [name] @param {string} [size] */
  #show(picture, name = "", size = "") {
    this.#picture = picture;
    this.node.hidden = !picture;
    this.node.replaceChildren();
    if (!picture) return this.composer.onChange();
    this.node.append(
      icon("picture"),
      make("span", { class: "name" }, name),
      make("span", { class: "size" }, size),
      iconButton("close", say("remove_picture"), () => (this.#show(null), this.composer.onRemove())),
    );
  }
}

/** A small drawing of a picture that somebody sends. @param {Attached} picture */
export async function drawAttached(picture) {
  const canvas = await drawPicture(blobFromData(picture.data), PREVIEW);
  canvas.setAttribute("aria-hidden", "true");
  return canvas;
}
