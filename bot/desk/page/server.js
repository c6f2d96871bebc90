/** The server behind this page: asked with the token, which this tab alone keeps. */

const KEY = "showtell-desk-token";

/** What the server refused, in its own words. */
export class Refused extends Error {
  /**
   * @param {string} sentence
   * @param {number} status
   */
  constructor(sentence, status) {
    super(sentence);
    this.status = status;
  }
}

export class Server {
  /** @param {() => void} onRefused called when the token is not the server's */
  constructor(onRefused) {
    this.onRefused = onRefused;
  }

  get token() {
    return sessionStorage.getItem(KEY) ?? "";
  }

  set token(token) {
    if (token) sessionStorage.setItem(KEY, token);
    else sessionStorage.removeItem(KEY);
  }

  /**
   * Ask for JSON.
   * @param {string} path below /admin, or beside it where it begins with ../
   * @param {string} [method]
   * @param {unknown} [body]
   */
  async ask(path, method = "GET", body) {
    return (await this.#send(path, method, body)).json();
  }

  /**
   * Let the browser save what a path answers, under the name that the server gives it.
   * @param {string} path
   */
  async download(path) {
    const response = await this.#send(path, "GET");
    const name = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? path;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await response.blob());
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  /**
   * @param {string} path
   * @param {string} method
   * @param {unknown} [body]
   */
  async #send(path, method, body) {
    // Headers carry bytes, and a token may be of any letters.
    const bytes = String.fromCharCode(...new TextEncoder().encode(this.token));
    /** @type {Record<string, string>} */
    const headers = { Authorization: `Bearer ${bytes}` };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    let response;
    try {
      const address = new URL(`admin/${path}`, document.baseURI);
      response = await fetch(address, { method, headers, body: body === undefined ? null : JSON.stringify(body) });
    } catch {
      throw new Refused("The server cannot be reached.", 0);
    }
    if (response.ok) return response;
    if (response.status === 401) this.onRefused();
    const answer = await response.json().catch(() => ({}));
    throw new Refused(answer.detail ?? `The server answers ${response.status}.`, response.status);
  }
}
