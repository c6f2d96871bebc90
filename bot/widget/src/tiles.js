/** The pictures of one answer: a grid that the arrow keys walk through, one tab stop in all. */
import { iconButton, make } from "./basics/elements.js";
import { say } from "./basics/words.js";

/** @typedef {import("./answer.js").Picture} Picture */

/** Pauses before a picture that did not come is asked for again, in ms. */
const RETRIES_MS = [1500, 6000];
/** Narrower and wider pictures would leave no room for their neighbours. */
const RATIOS = [0.55, 2.2];

/**
 * @param {Picture[]} pictures
 * @param {(address: string) => string} resolve
 * @param {{onView: (at: number) => void, onSimilar: (picture: Picture) => void}} chat
 */
export function drawTiles(pictures, resolve, chat) {
  const tiles = pictures.map((picture, at) => drawTile(picture, at, resolve(picture.thumbnail), chat));
  const views = tiles.map((tile) => /** @type {HTMLButtonElement} */ (tile.querySelector(".view")));
  /** @param {number} at */
  const enter = (at) =>
    tiles.forEach((tile, index) =>
      tile.querySelectorAll("button").forEach((button) => (button.tabIndex = index === at ? 0 : -1)),
    );
  enter(0);
  return make(
    "div",
    {
      class: "grid",
      part: "pictures",
      role: "group",
      "aria-label": say("pictures"),
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        const at = tiles.findIndex((tile) => tile.contains(/** @type {Node} */ (event.target)));
        const next = step(event.key, at, tiles.length, getComputedStyle(tiles[0]).direction === "rtl");
        if (next === null) return;
        event.preventDefault();
        enter(next);
        views[next].focus();
      },
    },
    ...tiles,
  );
}

/**
 * Where a key leads from one of several; null where it leads nowhere.
 * @param {string} key
 * @param {number} at
 * @param {number} count
 * @param {boolean} mirrored
 */
function step(key, at, count, mirrored) {
  const forward = mirrored ? "ArrowLeft" : "ArrowRight";
  const back = mirrored ? "ArrowRight" : "ArrowLeft";
  if (key === forward || key === "ArrowDown") return Math.min(at + 1, count - 1);
  if (key === back || key === "ArrowUp") return Math.max(at - 1, 0);
  return key === "Home" ? 0 : key === "End" ? count - 1 : null;
}

/**
 * @param {Picture} picture
 * @param {number} at
 * @param {string} address
 * @param {{onView: (at: number) => void, onSimilar: (picture: Picture) => void}} chat
 */
function drawTile(picture, at, address, chat) {
  const number = at + 1;
  const { caption, width, height } = picture;
  const image = make("img", { alt: caption, width, height, decoding: "async" });
  const tile = make(
    "figure",
    { class: "tile" },
    make(
      "button",
      {
        type: "button",
        class: "view",
        "aria-label": say("numbered", { number, caption }),
        "aria-haspopup": "dialog",
        onclick: () => chat.onView(at),
      },
      image,
      make("span", { class: "hover", dir: "auto", "aria-hidden": "true" }, caption),
    ),
    make(
      "figcaption",
      {},
      make("span", { class: "number", "aria-hidden": "true" }, String(number)),
      make("span", { class: "words", dir: "auto", "aria-hidden": "true" }, caption),
      picture.id
        ? iconButton("similar", say("similar_to_number", { number }), () => chat.onSimilar(picture), {
            class: "icon like",
            title: say("similar_to_this"),
          })
        : null,
    ),
  );
  setRatio(tile, width / height);
  // Of another bot: nobody said how large it is.
  if (!picture.id) image.addEventListener("load", () => setRatio(tile, image.naturalWidth / image.naturalHeight));
  load(image, address, (broken) => tile.classList.toggle("broken", broken));
  return tile;
}

/** @param {HTMLElement} tile @param {number} ratio of width to height */
function setRatio(tile, ratio) {
  tile.style.setProperty("--ratio", Math.min(RATIOS[1], Math.max(RATIOS[0], ratio)).toFixed(4));
}

/**
 * Loads a picture, once more and again where it does not come.
 * @param {HTMLImageElement} image
 * @param {string} address
 * @param {(broken: boolean) => void} tell
 */
function load(image, address, tell) {
  let attempts = 0;
  image.addEventListener("load", () => tell(false));
  image.addEventListener("error", () => {
    tell(true);
    const wait = RETRIES_MS[attempts++];
    if (wait) setTimeout(() => image.isConnected && (image.src = address), wait);
  });
  image.src = address;
}
