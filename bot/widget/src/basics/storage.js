/** Storage that may be absent, full, forbidden or damaged: then the chat lives in memory. */

/** @typedef {"localStorage" | "sessionStorage"} Area */

/**
 * What was kept, as `check` accepts it; null, and gone from the storage, where it does not.
 * @template T
 * @param {Area} area
 * @param {string} key
 * @param {(value: any) => T | null} check
 * @returns {T | null}
 */
export function recall(area, key, check) {
  try {
    const text = window[area].getItem(key);
    if (text === null) return null;
    const value = check(JSON.parse(text));
    if (value === null) window[area].removeItem(key);
    return value;
  } catch {
    keep(area, key, null);
    return null;
  }
}

/**
 * @param {Area} area
 * @param {string} key
 * @param {unknown} value null removes it
 */
export function keep(area, key, value) {
  try {
    if (value === null) window[area].removeItem(key);
    else window[area].setItem(key, JSON.stringify(value));
  } catch {
    // Private mode or a full store: the chat goes on, only a reload will not bring it back.
  }
}

/** randomUUID exists on https and localhost only; a plain-http intranet page gets the same by hand. */
export function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
