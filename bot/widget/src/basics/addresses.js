/** Where things are: this script, its server, the pictures. */

const NAME = /\/widget\.js(\?|$)/;

/** The tag that loaded this file; a module is not told, so it looks for itself. */
export const script = /** @type {HTMLScriptElement | undefined} */ (
  document.currentScript ?? [...document.scripts].find(({ src }) => NAME.test(src))
);

export const HOME = script?.src ? new URL(".", script.src).href : document.baseURI;

/**
 * The address if it is http(s), once resolved against the base if there is one; else null.
 * @param {string} address
 * @param {string} [base]
 */
export function safeUrl(address, base) {
  try {
    const url = new URL(address, base);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
}
