/** The map of the space: like lies beside like, and what was asked for lies among it. */
import { correct } from "./correct.js";
import { button, fill, make, number, thumbnail } from "./elements.js";
import { Plane } from "./plane.js";
import { badge, OUTCOMES } from "./questions.js";

/** @typedef {import("./server.js").Server} Server */

const PAGE = 100;

export class MapSection {
  /**
   * @param {HTMLElement} root
   * @param {Server} server
   */
  constructor(root, server) {
    this.server = server;
    this.about = make("p", { class: "note", role: "status" });
    this.canvas = make("canvas", {
      tabindex: 0,
      role: "application",
      "aria-label": "Map of the pictures. Arrow keys move, plus and minus zoom, 0 shows all. The same stands below as a list.",
    });
    this.card = make("div", { class: "card pointed", hidden: true, "aria-hidden": "true" });
    this.picked = make("div", { class: "picked", role: "region", "aria-label": "What was chosen", hidden: true });
    this.list = make("div");
    this.plane = new Plane(this.canvas, (item, at) => this.#point(item, at), (item) => this.#pick(item));
    /** @type {any} */
    this.map = null;
    const marks = make("input", { id: "marks", type: "checkbox", checked: true, onchange: () => this.#mark(marks.checked) });
    const legend = Object.entries(OUTCOMES).map(([outcome, [name]]) =>
      outcome === "nothing" || outcome === "not_understood" ? null : make("li", { class: outcome }, make("i"), outcome === "refused" ? "not in the gallery, or nothing found" : name),
    );
    root.append(
      this.about,
      make(
        "div",
        { class: "choose" },
        button("Zoom in", () => this.plane.zoomBy(1.6)),
        button("Zoom out", () => this.plane.zoomBy(1 / 1.6)),
        button("Show all", () => this.plane.reset()),
        make("span", { class: "choice" }, marks, make("label", { for: "marks" }, "Last questions")),
      ),
      make("div", { class: "plane" }, this.canvas, make("span", { class: "probe", "aria-hidden": "true" }), this.card),
      make("ul", { class: "legend" }, ...legend),
      this.picked,
      make("details", {}, make("summary", {}, "The same as a list"), this.list),
    );
  }

  show() {
    void this.refresh();
  }

  hide() {
    this.card.hidden = true;
  }

  async refresh() {
    if (!this.map) this.about.textContent = "The map is being drawn; the first time takes some seconds …";
    const map = (this.map = await this.server.ask("map"));
    const part = map.pictures.length < map.total ? `A sample of ${number(map.pictures.length)} of ${number(map.total)} pictures` : `All ${number(map.total)} pictures`;
    this.about.textContent = `${part} of ${map.version}: like lies beside like. ${number(map.questions.length)} of the last questions lie among what they are nearest to. Drag to move; click into the map, then scroll to zoom.`;
    this.byId = new Map(map.pictures.map((/** @type {any} */ one) => [one.id, one]));
    this.plane.put(map.pictures, map.questions);
    fill(this.list, this.#questionList(), this.#pictureList());
  }

  /** @param {boolean} shown */
  #mark(shown) {
    this.plane.marks = shown;
    this.plane.draw();
  }

  /**
   * @param {import("./plane.js").Item | null} item
   * @param {[number, number]} at
   */
  #point(item, [x, y]) {
    this.card.hidden = !item;
    this.canvas.classList.toggle("pointing", Boolean(item));
    if (!item) return;
    fill(this.card, ...(item.question ? [badge(item.question.outcome), make("p", {}, item.question.text)] : [thumbnail(item.picture, { loading: "eager" }), make("p", {}, item.picture.caption)]));
    const left = x > this.canvas.clientWidth / 2;
    const above = y > this.canvas.clientHeight / 2;
    this.card.style.inset = `${above ? "auto" : `${y + 14}px`} ${left ? `${this.canvas.clientWidth - x + 14}px` : "auto"} ${above ? `${this.canvas.clientHeight - y + 14}px` : "auto"} ${left ? "auto" : `${x + 14}px`}`;
  }

  /** @param {import("./plane.js").Item} item */
  #pick(item) {
    this.picked.hidden = false;
    fill(this.picked, ...(item.question ? this.#question(item.question) : [make("div", { class: "card one" }, thumbnail(item.picture), make("p", {}, item.picture.caption || "Without a caption"))]));
  }

  /** @param {any} question */
  #question(question) {
    const near = question.near.map((/** @type {string} */ id) => this.byId?.get(id)).filter(Boolean);
    const asked = { id: question.id, wanted: [question.text], pictures: near, correction: null };
    return [
      make(
        "div",
        { class: "card" },
        make("p", {}, make("strong", {}, question.text), " ", badge(question.outcome)),
        make("p", { class: "note" }, "Nearest to it:"),
        make("ul", { class: "strip" }, ...near.map((/** @type {any} */ one) => make("li", {}, thumbnail(one, { class: "small" })))),
        make("div", { class: "buttons" }, button("Choose the right picture", () => correct(this.server, asked, () => {}))),
      ),
    ];
  }

  #questionList() {
    const items = this.map.questions.map((/** @type {any} */ one) => {
      const near = one.near.map((/** @type {string} */ id) => this.byId?.get(id)?.caption).filter(Boolean);
      return make(
        "li",
        {},
        make("strong", {}, one.text),
        " ",
        badge(one.outcome),
        make("span", { class: "note" }, ` nearest: ${near.slice(0, 3).join("; ") || "pictures without captions"} `),
        button("Show", () => this.#visit({ question: one }), { "aria-label": `Show ${one.text} on the map` }),
      );
    });
    return make("div", {}, make("h3", {}, "Questions"), items.length ? make("ol", {}, ...items) : make("p", { class: "note" }, "None are kept."));
  }

  #pictureList() {
    const list = make("ol");
    const more = button("More", () => add());
    const add = () => {
      const next = this.map.pictures.slice(list.children.length, list.children.length + PAGE);
      for (const one of next) {
        list.append(make("li", {}, one.caption || `Without a caption, ${one.id}`, " ", button("Show", () => this.#visit({ picture: one }), { "aria-label": `Show ${one.caption || one.id} on the map` })));
      }
      more.hidden = list.children.length >= this.map.pictures.length;
    };
    add();
    return make("div", {}, make("h3", {}, "Pictures"), list, more);
  }

  /** @param {import("./plane.js").Item} item */
  #visit(item) {
    this.plane.visit(item.question ?? item.picture);
    this.#pick(item);
    this.canvas.scrollIntoView({ block: "center" });
    this.canvas.focus({ preventScroll: true });
  }
}
