/** The drawing of the map: pictures where they lie, as many as fit, and questions among them. */

const SIDE = 28;
const LARGEST = 110;
const MOST_ZOOM = 40;
const MARGIN = 36;
const REACH = 12;
const AT_ONCE = 6;
const STEP = 60;

/** @typedef {{ x: number, y: number, id: string }} Placed */
/** @typedef {{ picture?: any, question?: any }} Item */

export class Plane {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {(item: Item | null, at: [number, number]) => void} onPoint
   * @param {(item: Item) => void} onPick
   */
  constructor(canvas, onPoint, onPick) {
    this.canvas = canvas;
    this.paper = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    this.onPoint = onPoint;
    this.onPick = onPick;
    /** @type {any[]} */
    this.pictures = [];
    /** @type {any[]} */
    this.questions = [];
    this.marks = true;
    this.zoom = 1;
    this.middle = { x: 0.5, y: 0.5 };
    /** @type {Map<string, HTMLImageElement>} */
    this.images = new Map();
    /** @type {string[]} */
    this.wanted = [];
    this.loading = 0;
    /** @type {{ picture: any, x: number, y: number, side: number }[]} */
    this.drawn = [];
    this.frame = 0;
    /** @type {Map<number, { x: number, y: number }>} */
    this.fingers = new Map();
    this.moved = 0;
    this.#listen();
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  /**
   * @param {any[]} pictures
   * @param {any[]} questions
   */
  put(pictures, questions) {
    this.pictures = pictures;
    this.questions = questions;
    this.draw();
  }

  reset() {
    this.zoom = 1;
    this.middle = { x: 0.5, y: 0.5 };
    this.draw();
  }

  /**
   * Bring a point into the middle, large enough to see what is around it.
   * @param {Placed} item
   */
  visit(item) {
    this.zoom = Math.max(this.zoom, 5);
    this.middle = { x: item.x, y: item.y };
    this.draw();
  }

  /**
   * @param {number} factor
   * @param {[number, number]} [at] what stays where it is, in pixels; the middle by default
   */
  zoomBy(factor, at = [this.width / 2, this.height / 2]) {
    const before = this.#place(at);
    this.zoom = Math.min(Math.max(this.zoom * factor, 1), MOST_ZOOM);
    const after = this.#place(at);
    this.#moveTo(this.middle.x + before.x - after.x, this.middle.y + before.y - after.y);
  }

  get width() {
    return this.canvas.clientWidth;
  }

  get height() {
    return this.canvas.clientHeight;
  }

  /** Draw soon, once for all that ask for it. */
  draw() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.#draw();
    });
  }

  #draw() {
    const ratio = devicePixelRatio || 1;
    const [width, height] = [this.width, this.height];
    if (!width) return;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    const paper = this.paper;
    paper.setTransform(ratio, 0, 0, ratio, 0, 0);
    const side = Math.min(LARGEST, SIDE * this.zoom ** 0.45);
    /** @type {Map<string, [number, number][]>} */
    const taken = new Map();
    this.drawn = [];
    this.wanted = [];
    paper.fillStyle = this.#color("--quiet");
    for (const picture of this.pictures) {
      const [x, y] = this.#spot(picture);
      if (x < -side || y < -side || x > width + side || y > height + side) continue;
      if (isTaken(taken, x, y, side)) {
        paper.globalAlpha = 0.45;
        paper.fillRect(x - 1.5, y - 1.5, 3, 3);
        paper.globalAlpha = 1;
      } else {
        this.drawn.push({ picture, x, y, side });
      }
    }
    for (const one of this.drawn) this.#drawPicture(one.picture, one.x, one.y, one.side);
    if (this.marks) for (const question of [...this.questions].reverse()) this.#drawQuestion(question);
    this.#load();
  }

  /**
   * @param {any} picture
   * @param {number} x
   * @param {number} y
   * @param {number} side
   */
  #drawPicture(picture, x, y, side) {
    const image = this.images.get(picture.id);
    const [left, top] = [x - side / 2, y - side / 2];
    if (image?.complete && image.naturalWidth) {
      const least = Math.min(image.naturalWidth, image.naturalHeight);
      const [cutX, cutY] = [(image.naturalWidth - least) / 2, (image.naturalHeight - least) / 2];
      this.paper.fillStyle = this.#color("--raised");
      this.paper.fillRect(left, top, side, side);
      this.paper.drawImage(image, cutX, cutY, least, least, left, top, side, side);
    } else {
      if (!image) this.wanted.push(picture.id);
      this.paper.fillStyle = this.#color("--ground");
      this.paper.fillRect(left, top, side, side);
    }
  }

  /** @param {any} question */
  #drawQuestion(question) {
    const [x, y] = this.#spot(question);
    const paper = this.paper;
    paper.beginPath();
    shape(paper, question.outcome, x, y);
    paper.closePath();
    paper.fillStyle = this.#color(`--mark-${question.outcome}`);
    paper.strokeStyle = this.#color("--ground");
    paper.lineWidth = 2;
    paper.fill();
    paper.stroke();
  }

  /** Load what is to be seen, a few at a time; what was left out of sight meanwhile is not. */
  #load() {
    while (this.loading < AT_ONCE && this.wanted.length) {
      const id = /** @type {string} */ (this.wanted.shift());
      const image = new Image();
      this.images.set(id, image);
      this.loading++;
      image.onload = image.onerror = () => {
        this.loading--;
        this.draw();
      };
      image.src = `images/${id}?size=160`;
    }
  }

  /** @param {string} name of a color of the style sheet, as a canvas reads it */
  #color(name) {
    const probe = /** @type {HTMLElement} */ (this.canvas.nextElementSibling);
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  }

  /** @param {{ x: number, y: number }} item */
  #spot(item) {
    const [width, height] = [this.width, this.height];
    return /** @type {[number, number]} */ ([
      width / 2 + (item.x - this.middle.x) * (width - 2 * MARGIN) * this.zoom,
      height / 2 + (item.y - this.middle.y) * (height - 2 * MARGIN) * this.zoom,
    ]);
  }

  /** @param {[number, number]} spot */
  #place([x, y]) {
    return {
      x: this.middle.x + (x - this.width / 2) / ((this.width - 2 * MARGIN) * this.zoom),
      y: this.middle.y + (y - this.height / 2) / ((this.height - 2 * MARGIN) * this.zoom),
    };
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  #moveTo(x, y) {
    this.middle = { x: Math.min(Math.max(x, 0), 1), y: Math.min(Math.max(y, 0), 1) };
    this.draw();
  }

  /**
   * @param {number} dx in pixels
   * @param {number} dy
   */
  #moveBy(dx, dy) {
    const { x, y } = this.#place([this.width / 2 - dx, this.height / 2 - dy]);
    this.#moveTo(x, y);
  }

  /**
   * @param {[number, number]} spot
   * @returns {Item | null}
   */
  #at([x, y]) {
    if (this.marks) {
      for (const question of this.questions) {
        const [qx, qy] = this.#spot(question);
        if (Math.hypot(qx - x, qy - y) <= REACH) return { question };
      }
    }
    for (const one of this.drawn.toReversed()) {
      if (Math.abs(one.x - x) <= one.side / 2 && Math.abs(one.y - y) <= one.side / 2) return { picture: one.picture };
    }
    return null;
  }

  #listen() {
    const { canvas, fingers } = this;
    /** @param {MouseEvent} event @returns {[number, number]} */
    const spot = (event) => [event.offsetX, event.offsetY];
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
      this.moved = 0;
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = fingers.get(event.pointerId);
      if (!before) {
        this.onPoint(this.#at(spot(event)), spot(event));
        return;
      }
      const [x, y] = spot(event);
      const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
      if (other) {
        const span = Math.hypot(before.x - other.x, before.y - other.y) || 1;
        this.zoomBy(Math.hypot(x - other.x, y - other.y) / span, [(x + other.x) / 2, (y + other.y) / 2]);
      } else {
        this.#moveBy(x - before.x, y - before.y);
      }
      this.moved += Math.hypot(x - before.x, y - before.y);
      fingers.set(event.pointerId, { x, y });
    });
    const end = (/** @type {PointerEvent} */ event) => {
      fingers.delete(event.pointerId);
      const item = event.type === "pointerup" && this.moved < 5 ? this.#at(spot(event)) : null;
      if (item) this.onPick(item);
    };
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", end);
    canvas.addEventListener("pointerleave", () => this.onPoint(null, [0, 0]));
    canvas.addEventListener(
      "wheel",
      (event) => {
        // The page scrolls past the map, until somebody clicks into it or holds Ctrl.
        if (!event.ctrlKey && document.activeElement !== canvas) return;
        event.preventDefault();
        this.zoomBy(Math.exp(-event.deltaY / 400), spot(event));
      },
      { passive: false },
    );
    canvas.addEventListener("keydown", (event) => {
      const act = {
        ArrowLeft: () => this.#moveBy(STEP, 0),
        ArrowRight: () => this.#moveBy(-STEP, 0),
        ArrowUp: () => this.#moveBy(0, STEP),
        ArrowDown: () => this.#moveBy(0, -STEP),
        "+": () => this.zoomBy(1.5),
        "=": () => this.zoomBy(1.5),
        "-": () => this.zoomBy(1 / 1.5),
        0: () => this.reset(),
        Escape: () => this.onPoint(null, [0, 0]),
      }[event.key];
      if (!act || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      act();
    });
  }
}

/**
 * Whether a thumbnail would cover another one; if not, it takes its place.
 * @param {Map<string, [number, number][]>} taken by cells as large as a thumbnail
 * @param {number} x
 * @param {number} y
 * @param {number} side
 */
function isTaken(taken, x, y, side) {
  const [column, row] = [Math.floor(x / side), Math.floor(y / side)];
  for (let dx = -1; dx <= 1; dx++) {
    for (let dy = -1; dy <= 1; dy++) {
      for (const [ox, oy] of taken.get(`${column + dx} ${row + dy}`) ?? []) {
        if (Math.abs(ox - x) < side + 2 && Math.abs(oy - y) < side + 2) return true;
      }
    }
  }
  const key = `${column} ${row}`;
  taken.set(key, [...(taken.get(key) ?? []), [x, y]]);
  return false;
}

/**
 * A shape for each outcome, so that not its color alone tells it.
 * @param {CanvasRenderingContext2D} paper
 * @param {string} outcome
 * @param {number} x
 * @param {number} y
 */
function shape(paper, outcome, x, y) {
  if (outcome === "confident") {
    paper.arc(x, y, 6.5, 0, 2 * Math.PI);
  } else if (outcome === "closest") {
    paper.moveTo(x, y - 8);
    paper.lineTo(x + 8, y + 6);
    paper.lineTo(x - 8, y + 6);
  } else {
    paper.moveTo(x, y - 9);
    paper.lineTo(x + 9, y);
    paper.lineTo(x, y + 9);
    paper.lineTo(x - 9, y);
  }
}
