/** Every word that the widget says, in the server's language. */

export const { language, limits } = SHOWTELL_SERVED;

/**
 * One of them, its variables in braces filled in.
 * @param {string} name
 * @param {Record<string, string | number>} [values]
 */
export function say(name, values = {}) {
  return (SHOWTELL_SERVED.words[name] ?? name).replace(/{(\w+)}/g, (_, key) => String(values[key]));
}

/** @param {string[]} words */
export function quoteList(words) {
  const quoted = words.map((word) => say("quoted", { word }));
  const first = quoted.slice(0, -1).join(", ");
  return first ? say("and", { first, last: quoted.at(-1) ?? "" }) : quoted.join("");
}
