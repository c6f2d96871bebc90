/** Colors that can be read. */
import { make } from "./elements.js";

/**
 * White or near-black, whichever reads better on the given CSS color (WCAG luminance).
 * @param {string} color
 */
export function readableOn(color) {
  return luminance(color) > 0.19 ? "#101312" : "#ffffff";
}

/** @param {string} color */
function luminance(color) {
  const context = make("canvas", { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
  if (!context) return 0;
  context.fillStyle = color;
  context.fillRect(0, 0, 1, 1);
  const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].map((v) =>
    v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4,
  );
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Grounds that text stands on, and the ink that is mixed in, by light and dark; see styles.css. */
const GROUNDS = [
  ["#f0eeea", "#1d1c1a"],
  ["#282b2e", "#ececea"],
];
const READABLE = 4.5; // WCAG AA for text

/**
 * The color as text, for light and dark: with as much ink in it as makes it readable.
 * @param {string} color
 */
export function readableInk(color) {
  const [light, dark] = GROUNDS.map(([ground, ink]) => {
    const mixed = [100, 80, 60, 40, 20].map((share) => `color-mix(in oklab, ${color} ${share}%, ${ink})`);
    return mixed.find((text) => contrast(text, ground) >= READABLE) ?? ink;
  });
  return `light-dark(${light}, ${dark})`;
}

/** @param {string} one @param {string} other */
function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}
