/** The server's routes: messages, their history, what there is to see. */

const ANSWER_TIMEOUT_MS = 60_000;
const LONGEST_WAIT_S = 30;

/**
 * @typedef {{sender: string, secret: string}} Keys
 * @typedef {{status: number, body: any, wait: number}} Response `wait`: seconds until it may be asked again
 * @typedef {{id: string, text: string, shown: string, file: Blob | null, name: string}} Outgoing
 */

export class Server {
  /** @param {() => string} address ends with a slash, so that a server can live under a path */
  constructor(address) {
    this.address = address;
  }

  /**
   * Sends a message. null: the server was not reached, or did not answer, or `signal` ended it.
   * @param {Keys} keys
   * @param {Outgoing} message
   * @param {AbortSignal} signal
   * @param {(share: number) => void} onProgress how much of the picture is sent, 0 to 1
   * @returns {Promise<Response | null>}
   */
  post(keys, message, signal, onProgress) {
    const form = new FormData();
    form.set("sender", keys.sender);
    form.set("secret", keys.secret);
    form.set("message_id", message.id);
    if (message.text) form.set("text", message.text);
    if (message.shown !== message.text) form.set("shown", message.shown);
    if (message.file) form.set("image", message.file, message.name);
    return deliver(this.#at("api/messages"), form, signal, message.file ? onProgress : null);
  }

  /**
   * What was said so far; null where the server cannot say.
   * @param {Keys} keys
   */
  history(keys) {
    const headers = { "X-Chat-Secret": keys.secret };
    return this.#get(`api/messages?sender=${encodeURIComponent(keys.sender)}`, headers);
  }

  /** What is served, with examples of what to ask for; null where the server cannot say. */
  about() {
    return this.#get("api/about", {});
  }

  /**
   * @param {string} path
   * @param {Record<string, string>} headers
   * @returns {Promise<any>}
   */
  async #get(path, headers) {
    try {
      const response = await fetch(this.#at(path), { headers, credentials: "omit" });
      const body = told(parse(await response.text()));
      return response.ok ? body : null;
    } catch {
      return null; // fetch says only that it failed: unreachable, cut off, or forbidden to this site
    }
  }

  /** @param {string} path */
  #at(path) {
    return new URL(path, this.address()).href;
  }
}

/**
 * Posts a form, or JSON. null: nobody answered, or `signal` ended it.
 * @param {string} address
 * @param {FormData | string} body
 * @param {AbortSignal} signal
 * @param {((share: number) => void) | null} [onProgress] how much is sent, 0 to 1
 * @returns {Promise<Response | null>}
 */
export function deliver(address, body, signal, onProgress = null) {
  // Not fetch: it does not tell how much of a picture is sent.
  const request = new XMLHttpRequest();
  request.open("POST", address);
  request.timeout = ANSWER_TIMEOUT_MS;
  if (typeof body === "string") request.setRequestHeader("Content-Type", "application/json");
  if (onProgress) request.upload.onprogress = ({ loaded, total }) => onProgress(total ? loaded / total : 1);
  return new Promise((resolve) => {
    const stop = () => request.abort();
    request.onload = () =>
      resolve({
        status: request.status,
        body: told(parse(request.responseText)),
        wait: secondsToWait(request.getResponseHeader("Retry-After")),
      });
    request.onerror = request.ontimeout = request.onabort = () => resolve(null);
    request.onloadend = () => signal.removeEventListener("abort", stop);
    signal.addEventListener("abort", stop);
    request.send(body);
  });
}

/** @param {string} text */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // a proxy's page, say
  }
}

/** A body as it came; what concerns the site's maker is said in the console. @param {any} body */
function told(body) {
  if (body?.concerns === "operator") console.error(`showtell-chat: ${body.detail}`);
  return body;
}

/** @param {string | null} value of Retry-After */
function secondsToWait(value) {
  const seconds = Number(value) || (Date.parse(value ?? "") - Date.now()) / 1000;
  return Math.min(LONGEST_WAIT_S, Math.max(1, Math.ceil(seconds) || 2));
}
