/** What stands around the conversation: header, notices, the launcher, and how they look. */
import { icon, iconButton, make } from "./basics/elements.js";
import { language, say } from "./basics/words.js";
import STYLES from "./styles.css";

/** Buttons that act on an answer, or open a part of it. */
const ONCE = ".pill, .part, .like, .rate, .retry, .view";

/** Whether it is the second click of a double click, by which the first was meant. @param {MouseEvent} event */
function isSecondClick({ detail, target }) {
  return detail > 1 && target instanceof Element && target.closest(ONCE) !== null;
}

export class Frame {
  /**
   * @param {{transcript: import("./transcript.js").Transcript, composer: import("./composer.js").Composer,
   *   viewer: import("./viewer.js").Viewer, onNew: () => void, onToggle: () => void, onHide: () => void}} parts
   */
  constructor({ transcript, composer, viewer, onNew, onToggle, onHide }) {
    this.heading = make("h2", { id: "heading", dir: "auto" });
    this.offline = make("p", { class: "banner", role: "status", hidden: true });
    this.notice = make("p", { class: "banner", role: "status", hidden: true });
    this.status = make("p", { class: "unseen", role: "status" });
    this.search = make("ul", { class: "search", part: "search", "aria-label": say("search"), hidden: true });
    this.panel = make(
      "section",
      {
        class: "panel",
        part: "panel",
        "aria-labelledby": "heading",
        onkeydown: (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && onHide(),
      },
      make(
        "header",
        { class: "bar", part: "header" },
        make("span", { class: "mark" }, icon("chat")),
        this.heading,
        make("span", { class: "grow" }),
        iconButton("fresh", say("new_chat"), onNew),
        iconButton("close", say("close_chat"), onHide, { class: "icon hide" }),
      ),
      this.offline,
      this.notice,
      transcript.node,
      this.status,
      transcript.jump,
      this.search,
      composer.node,
      make("div", { class: "drop", "aria-hidden": "true" }, icon("picture"), say("drop_picture")),
    );
    composer.dropsOn(this.panel);
    this.launcher = make(
      "button",
      { type: "button", class: "launcher", part: "launcher", "aria-expanded": "false", onclick: onToggle },
      icon("chat"),
    );
    const onceOnly = (/** @type {MouseEvent} */ event) => isSecondClick(event) && event.stopPropagation();
    // An empty title keeps the browser from showing the element's own title as a tooltip over all of it.
    this.root = make("div", { class: "root", title: "", lang: language, dir: say("direction") }, this.panel, this.launcher, viewer.dialog);
    this.root.addEventListener("click", onceOnly, true);
  }

  /** @param {ShadowRoot} shadow */
  enter(shadow) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLES);
    shadow.adoptedStyleSheets = [sheet];
    shadow.append(this.root);
  }

  /** @param {{title: string, inline: boolean, open: boolean, accent: string | null}} looks */
  apply({ title, inline, open, accent }) {
    this.heading.textContent = title;
    this.root.classList.toggle("inline", inline);
    this.root.classList.toggle("open", open);
    this.launcher.setAttribute("aria-expanded", String(open));
    this.launcher.setAttribute("aria-label", open ? say("close_chat") : say("open_chat", { title }));
    if (open) this.launcher.classList.remove("news");
    const usable = accent && CSS.supports("color", accent) ? accent : null;
    const { style } = this.root;
    style.setProperty("--accent", usable);
    style.setProperty("--on-accent", usable && "var(--readable-on)");
    style.setProperty("--accent-ink", usable && "var(--readable-ink)");
  }

  /** @param {string} sentence empty for none @param {{words: string, act: () => void}} [offer] */
  notify(sentence, offer) {
    this.notice.hidden = !sentence;
    this.notice.replaceChildren(sentence);
    if (offer) this.notice.append(make("button", { type: "button", class: "retry", onclick: offer.act }, offer.words));
  }

  setOnline() {
    this.offline.hidden = navigator.onLine;
    this.offline.textContent = navigator.onLine ? "" : say("offline");
  }
}
