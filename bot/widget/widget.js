/*! Showtell: a chat that answers with pictures.
 *
 *   <script src="https://your.host/widget.js" defer></script>      a chat bubble on any page
 *   <showtell-chat inline></showtell-chat>                         the chat in place, where it stands
 *
 * Attributes, also as data-… on the script tag: server, title, placeholder, welcome, examples ("a|b|c"),
 * accent (a CSS color), theme ("light" or "dark"; else the reader's own), open, inline.
 * Methods: send(text), show(), hide(), newChat(). No dependencies, one file, its own shadow root.
 * What servers and people say enters the page as text nodes only, never as markup.
 */
(() => {
  "use strict";
  if (customElements.get("showtell-chat")) return;

  const script = document.currentScript;
  const HOME = script?.src ? new URL(".", script.src).href : document.baseURI;
  const MAX_TEXT = 2000;
  const MAX_UPLOAD_BYTES = 20_000_000;
  const MAX_ENTRIES = 100;
  const ANSWER_TIMEOUT_MS = 60_000;
  const AUTOMATIC_RETRIES = 4;
  const LONGEST_WAIT_S = 30;

  // Every word this file says, in the server's language: the server fills them in from its domain.
  const WORDS = {};

  /** One of them, its variables in braces filled in. */
  function say(name, values = {}) {
    return (WORDS[name] ?? name).replace(/{(\w+)}/g, (_, key) => String(values[key]));
  }

  // ---- small parts ------------------------------------------------------------------------------

  const ICONS = {
    chat: "M12 3.5c-5 0-9 3.3-9 7.5 0 2.3 1.2 4.3 3.1 5.7L5.5 20.5l4-2.1c.8.1 1.6.2 2.5.2 5 0 9-3.3 9-7.6s-4-7.5-9-7.5z",
    close: "M6 6l12 12M18 6L6 18",
    send: "M12 19V5M6 11l6-6 6 6",
    picture: "M4 5h16v14H4zM4 16l4.5-4.5 4 4 2.5-2.5 5 5M15.5 9.5h.01",
    fresh: "M12 20h8M15.5 4.5a2.1 2.1 0 0 1 3 3L8 18l-4 1 1-4z",
    similar: "M8 8V4h12v12h-4M4 8h12v12H4z",
    without: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM6 18L18 6",
    up: "M7 11v9H4v-9zM7 11l4-7.5c1.4 0 2.3 1 2 2.5L12.5 9.5H18a2 2 0 0 1 2 2.3l-1 6.5a2 2 0 0 1-2 1.7H7",
    down: "M7 13V4H4v9zM7 13l4 7.5c1.4 0 2.3-1 2-2.5L12.5 14.5H18a2 2 0 0 0 2-2.3l-1-6.5A2 2 0 0 0 17 4H7",
    left: "M15 5l-7 7 7 7",
    right: "M9 5l7 7-7 7",
  };

  /** An element with attributes, listeners (on…) and children; strings become text nodes. */
  function make(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else node.setAttribute(name, value === true ? "" : String(value));
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  }

  function icon(name) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    path.setAttribute("d", ICONS[name]);
    svg.append(path);
    return svg;
  }

  function iconButton(name, label, onclick, attributes = {}) {
    return make(
      "button",
      { type: "button", class: "icon", "aria-label": label, title: label, onclick, ...attributes },
      icon(name),
    );
  }

  /** The address if it is http(s) once resolved against the server, else null. */
  function safeUrl(address, base) {
    try {
      const url = new URL(address, base);
      return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
    } catch {
      return null;
    }
  }

  /** randomUUID exists on https and localhost only; a plain-http intranet page gets the same by hand. */
  function newId() {
    if (crypto.randomUUID) return crypto.randomUUID();
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join(
      "",
    );
  }

  /** Storage that may be absent, full or forbidden: then the chat lives in memory. */
  const stored = {
    get(area, key) {
      try {
        return window[area].getItem(key);
      } catch {
        return null;
      }
    },
    set(area, key, value) {
      try {
        window[area].setItem(key, value);
      } catch {
        // Private mode or a full store: the chat goes on, only a reload will not bring it back.
      }
    },
  };

  const pause = (ms, signal) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
    });

  function quoteList(words) {
    const quoted = words.map((word) => say("quoted", { word }));
    const first = quoted.slice(0, -1).join(", ");
    return first ? say("and", { first, last: quoted.at(-1) }) : quoted.join("");
  }

  /** Reason codes ("visual", "caption:snow", "feedback", …) as sentences; a sentence stays as it is. */
  function explain(reasons) {
    const words = reasons
      .filter((r) => r.startsWith("caption:"))
      .map((r) => r.slice(8).trim())
      .filter(Boolean);
    const sentences = words.length ? [say("why_words", { words: quoteList(words) })] : [];
    const known = ["visual", "caption", "feedback", "similar", "image", "filter"];
    for (const reason of reasons) {
      const kind = reason.split(":")[0];
      if (!known.includes(kind)) reason.includes(" ") && sentences.push(reason);
      else if (!(kind === "caption" && words.length)) sentences.push(say(`why_${kind}`));
    }
    return [...new Set(sentences)];
  }

  /** White or near-black, whichever reads better on the given CSS color (WCAG luminance). */
  function readableOn(color) {
    const context = make("canvas", { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].map((v) =>
      v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.19 ? "#101312" : "#ffffff";
  }

  // ---- pictures people send ----------------------------------------------------------------------
  // Drawn on a canvas, not shown by a blob: or data: address, so that a strict img-src needs no exception.

  async function drawPicture(blob, longest) {
    const bitmap = await createImageBitmap(blob);
    const scale = Math.min(1, longest / Math.max(bitmap.width, bitmap.height));
    const canvas = make("canvas", {
      width: Math.max(1, Math.round(bitmap.width * scale)),
      height: Math.max(1, Math.round(bitmap.height * scale)),
    });
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    bitmap.close();
    return canvas;
  }

  function blobFromData(data) {
    const bytes = Uint8Array.from(atob(data.split(",")[1]), (character) => character.charCodeAt(0));
    return new Blob([bytes], { type: "image/jpeg" });
  }

  // ---- what the server says ----------------------------------------------------------------------

  const string = (value) => (typeof value === "string" ? value : "");
  const list = (value) => (Array.isArray(value) ? value : []);

  /** The replies of one turn, reduced to what is shown, or null when it is not an answer of ours. */
  function readReplies(body) {
    if (!Array.isArray(body?.replies)) return null;
    return body.replies.map((reply) => ({
      text: string(reply?.text),
      images: list(reply?.images).map((image) => ({
        id: string(image?.id),
        url: string(image?.url),
        thumbnail: string(image?.thumbnail) || string(image?.url),
        caption: string(image?.caption) || say("no_caption"),
        reasons: list(image?.reasons).map(string).filter(Boolean),
        width: Number(image?.width) || 1,
        height: Number(image?.height) || 1,
      })),
      choices: list(reply?.quick_replies)
        .map((choice) => ({ title: string(choice?.title), payload: string(choice?.payload) }))
        .filter((choice) => choice.title && choice.payload),
    }));
  }

  /**
   * The running search as chips: what each says, and the message that takes it out of the search.
   * Pictures are told by what they show, as far as `captions` (id -> caption) knows.
   */
  function readSearch(body, captions) {
    const search = body?.search;
    if (!search) return [];
    const chip = (title, part) => ({ title, payload: `/drop_from_search${JSON.stringify(part)}` });
    const pictures = (ids, name) =>
      list(ids).map((id) => chip(say(name, { caption: captions.get(id) ?? say("picture") }), { image: string(id) }));
    return [
      ...(search.uploaded ? [chip(say("your_picture"), { upload: true })] : []),
      ...list(search.wanted).map((text) => chip(string(text), { query: string(text) })),
      ...list(search.excluded).map((text) => chip(say("chip_without", { text }), { excluded: string(text) })),
      ...Object.entries(search.filters ?? {}).map(([key, value]) => chip(say(`chip_${key}`, { value }), { [key]: value })),
      ...pictures(search.liked, "chip_like"),
      ...pictures(search.disliked, "chip_unlike"),
    ];
  }

  async function readProblem(response) {
    try {
      const { detail } = await response.json();
      if (typeof detail === "string" && detail) return detail;
    } catch {
      // Not our server's JSON (a proxy's page, say): the general sentence below says enough.
    }
    return response.status >= 500 ? say("server_error") : say("refused");
  }

  function secondsToWait(response) {
    const value = response.headers.get("Retry-After");
    const seconds = Number(value) || (Date.parse(value ?? "") - Date.now()) / 1000;
    return Math.min(LONGEST_WAIT_S, Math.max(1, Math.ceil(seconds) || 2));
  }

  /**
   * Delivers messages one after the other. A message that cannot be delivered stays at the head, so that
   * nothing overtakes it: Retry, the next message, or the network coming back set the line in motion again.
   */
  class Outbox {
    #items = [];
    #running = false;
    #stop = new AbortController();

    /** @param chat endpoint() -> URL, sender() and secret() -> string, onState(entry, state, note), onReplies(replies, body), onBusy(bool) */
    constructor(chat) {
      this.chat = chat;
      window.addEventListener("online", () => this.resume());
    }

    push(item) {
      this.#items.push(item);
      this.resume();
    }

    holds(entry) {
      return this.#items.some((item) => item.entry === entry);
    }

    clear() {
      this.#stop.abort();
      this.#stop = new AbortController();
      this.#items = [];
      this.#running = false;
      this.chat.onBusy(false);
    }

    async resume() {
      if (this.#running || !this.#items.length) return;
      this.#running = true;
      const { signal } = this.#stop;
      while (this.#items.length) {
        const settled = await this.#deliver(this.#items[0], signal);
        if (signal.aborted) return;
        if (!settled) break;
        this.#items.shift();
      }
      for (const item of this.#items.slice(1))
        this.chat.onState(item.entry, "waiting", say("waits"));
      this.#running = false;
      this.chat.onBusy(false);
    }

    /** True when the message needs no further attempt (answered or refused). */
    async #deliver(item, signal) {
      for (let attempt = 0; ; attempt++) {
        if (!navigator.onLine) {
          this.chat.onState(item.entry, "waiting", say("sent_later"));
          return false;
        }
        this.chat.onState(item.entry, "sending", "");
        this.chat.onBusy(true);
        const response = await this.#post(item, signal);
        if (signal.aborted) return false;
        this.chat.onBusy(false);
        if (response === null) {
          this.chat.onState(item.entry, "failed", say("unreachable"));
          return false;
        }
        if (response.ok) return this.#accept(item, response, signal);
        const problem = await readProblem(response);
        const busy = response.status === 503 || response.status === 429;
        if (busy && attempt < AUTOMATIC_RETRIES) {
          const seconds = secondsToWait(response);
          this.chat.onState(item.entry, "waiting", say("trying_again", { problem, seconds }));
          await pause(seconds * 1000, signal);
          if (signal.aborted) return false;
          continue;
        }
        const final = response.status < 500 && !busy;
        this.chat.onState(item.entry, final ? "refused" : "failed", problem);
        return final;
      }
    }

    async #post(item, signal) {
      const form = new FormData();
      form.set("sender", this.chat.sender());
      if (this.chat.secret()) form.set("secret", this.chat.secret());
      if (item.text) form.set("text", item.text);
      if (item.file) form.set("image", item.file, item.file.name || "picture");
      const limit = new AbortController();
      const timer = setTimeout(() => limit.abort(), ANSWER_TIMEOUT_MS);
      const stop = () => limit.abort();
      signal.addEventListener("abort", stop, { once: true });
      try {
        return await fetch(this.chat.endpoint(), {
          method: "POST",
          body: form,
          signal: limit.signal,
          credentials: "omit",
        });
      } catch {
        return null; // fetch says only that it failed: unreachable, cut off, too slow, or forbidden to this site
      } finally {
        clearTimeout(timer);
        signal.removeEventListener("abort", stop);
      }
    }

    async #accept(item, response, signal) {
      let body = null;
      let replies = null;
      try {
        body = await response.json();
        replies = readReplies(body);
      } catch {
        replies = null;
      }
      if (signal.aborted) return false;
      if (replies === null) {
        this.chat.onState(item.entry, "failed", say("unreadable"));
        return false;
      }
      this.chat.onState(item.entry, "sent", "");
      const said = replies.some((reply) => reply.text || reply.images.length || reply.choices.length);
      this.chat.onReplies(said ? replies : [{ text: say("no_answer"), images: [], choices: [] }], body);
      return true;
    }
  }

  // ---- the larger view ---------------------------------------------------------------------------

  class Lightbox {
    /** @param act (image, "similar" | "unlike" | "up" | "down") -> void */
    constructor(act, resolve) {
      this.resolve = resolve;
      this.picture = make("img", { alt: "" });
      this.counter = make("p", { class: "counter" });
      this.caption = make("h2", { dir: "auto" });
      this.reasons = make("ul", { "aria-label": say("why") });
      this.note = make("p", { class: "thanks", role: "status" });
      this.rates = ["up", "down"].map((way) =>
        iconButton(
          way,
          way === "up" ? say("good_match") : say("poor_match"),
          () => {
            this.rates.forEach((button, at) =>
              button.setAttribute("aria-pressed", String((at === 0) === (way === "up"))),
            );
            this.note.textContent = say("noted");
            this.ratings.set(this.image.id, way);
            act(this.image, way);
          },
          { class: "icon rate" },
        ),
      );
      const leave = (what) => () => {
        this.dialog.close();
        act(this.image, what);
      };
      this.before = iconButton("left", say("previous"), () => this.#step(-1), { class: "icon step before" });
      this.after = iconButton("right", say("next"), () => this.#step(1), { class: "icon step after" });
      this.dialog = make(
        "dialog",
        {
          class: "lightbox",
          "aria-label": say("picture"),
          onkeydown: (event) => this.#key(event),
          onclick: (event) => event.target === this.dialog && this.dialog.close(),
        },
        make(
          "div",
          { class: "frame" },
          make(
            "header",
            {},
            this.counter,
            iconButton("close", say("close"), () => this.dialog.close()),
          ),
          make("div", { class: "stage" }, this.before, this.picture, this.after),
          make(
            "div",
            { class: "about" },
            this.caption,
            this.reasons,
            make(
              "div",
              { class: "actions" },
              make(
                "button",
                { type: "button", class: "pill main", onclick: leave("similar") },
                icon("similar"),
                say("similar_to_this"),
              ),
              make(
                "button",
                { type: "button", class: "pill", onclick: leave("unlike") },
                icon("without"),
                say("not_this"),
              ),
              make("span", { class: "grow" }),
              this.note,
              ...this.rates,
            ),
          ),
        ),
      );
      this.ratings = new Map();
    }

    show(images, at) {
      this.images = images;
      this.at = at;
      this.#draw();
      this.dialog.showModal();
    }

    #step(by) {
      this.at = (this.at + by + this.images.length) % this.images.length;
      this.#draw();
    }

    #key(event) {
      if (event.key === "Escape") event.stopPropagation(); // closes this view, not the chat behind it
      if (this.images.length < 2 || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
      event.preventDefault();
      this.#step(event.key === "ArrowLeft" ? -1 : 1);
    }

    #draw() {
      this.image = this.images[this.at];
      this.picture.removeAttribute("src"); // or the former picture would stand there until the next has come
      this.picture.width = this.image.width;
      this.picture.height = this.image.height;
      this.picture.alt = this.image.caption;
      this.picture.src = this.resolve(this.image.url);
      this.caption.textContent = this.image.caption;
      const several = this.images.length > 1;
      this.counter.textContent = several
        ? say("counter", { number: this.at + 1, count: this.images.length })
        : "";
      this.before.hidden = this.after.hidden = !several;
      const why = explain(this.image.reasons);
      this.reasons.replaceChildren(...why.map((sentence) => make("li", { dir: "auto" }, sentence)));
      this.reasons.hidden = !why.length;
      this.note.textContent = "";
      const rating = this.ratings.get(this.image.id);
      this.rates.forEach((button, at) => button.setAttribute("aria-pressed", String(rating === ["up", "down"][at])));
    }
  }

  // ---- the element -------------------------------------------------------------------------------

  class ShowtellChat extends HTMLElement {
    static observedAttributes = ["title", "placeholder", "accent", "open", "inline"];
    #built = false;
    #entries = [];
    #nodes = new WeakMap();
    #sender = null;
    #secret = "";
    #file = null;
    #drags = 0;

    connectedCallback() {
      if (this.#built) return;
      this.#built = true;
      this.#build();
      this.#outbox = new Outbox({
        endpoint: () => new URL("api/messages", this.server).href,
        sender: () => this.sender,
        secret: () => this.#secret,
        onState: (entry, state, note) => this.#setState(entry, state, note),
        onReplies: (replies, body) => this.#answered(replies, body),
        onBusy: (busy) => this.#setBusy(busy),
      });
      this.#restore();
      this.#drawAll();
      this.#setOnline();
      for (const change of ["online", "offline"]) window.addEventListener(change, () => this.#setOnline());
    }

    attributeChangedCallback() {
      if (this.#built) this.#applyAttributes();
    }

    /** Where the server is; its trailing slash lets it live under a path. */
    get server() {
      const address = safeUrl(this.getAttribute("server") || HOME, document.baseURI) ?? HOME;
      return address.endsWith("/") ? address : `${address}/`;
    }

    get sender() {
      if (!this.#sender) {
        this.#sender = stored.get("localStorage", this.#key("sender"));
        this.#secret = stored.get("localStorage", this.#key("secret")) ?? "";
        if (!this.#sender) this.#begin();
      }
      return this.#sender;
    }

    set examples(texts) {
      this.setAttribute("examples", texts.join("|"));
      if (this.#built) this.#drawAll();
    }

    /** Sends a message as if it had been typed. */
    send(text, shown = text) {
      const clean = text.trim();
      if (clean) this.#post({ text: clean, shown, file: null });
    }

    show() {
      this.setAttribute("open", "");
      this.#box.focus();
    }

    hide() {
      this.removeAttribute("open");
      this.#launcher.focus();
    }

    /** Forgets this conversation here and starts another one on the server. */
    newChat() {
      this.#outbox.clear();
      this.#begin();
      this.#entries = [];
      this.#save();
      this.#drawAll();
      this.#box.focus();
    }

    /** Takes a new sender, and the secret without which nobody else can use it. */
    #begin() {
      [this.#sender, this.#secret] = [newId(), newId()];
      stored.set("localStorage", this.#key("sender"), this.#sender);
      stored.set("localStorage", this.#key("secret"), this.#secret);
    }

    // -- building

    #outbox;
    #root;
    #launcher;
    #heading;
    #log;
    #status;
    #typing;
    #banner;
    #preview;
    #problem;
    #box;
    #picker;
    #lightbox;
    #search;

    #build() {
      this.#lightbox = new Lightbox(
        (image, what) => this.#act(image, what),
        (url) => safeUrl(url, this.server),
      );
      this.#heading = make("h2", { id: "heading" });
      this.#log = make("div", {
        class: "log",
        role: "log",
        "aria-live": "polite",
        "aria-labelledby": "heading",
        tabindex: "0",
      });
      this.#status = make("p", { class: "unseen", role: "status" });
      this.#typing = make(
        "div",
        { class: "typing", "aria-hidden": "true", hidden: true },
        make("i"),
        make("i"),
        make("i"),
      );
      this.#search = make("ul", { class: "search", "aria-label": say("search"), hidden: true });
      this.#banner = make("p", { class: "banner", role: "status", hidden: true });
      this.#preview = make("div", { class: "preview", hidden: true });
      this.#problem = make("p", { class: "problem", role: "alert" });
      this.#box = make("textarea", {
        rows: 1,
        maxlength: MAX_TEXT,
        "aria-label": say("message"),
        autocomplete: "off",
        enterkeyhint: "send",
        oninput: () => this.#grow(),
        onkeydown: (event) => this.#typed(event),
        onpaste: (event) => this.#pasted(event),
      });
      this.#picker = make("input", { type: "file", accept: "image/*", hidden: true, onchange: () => this.#picked() });
      const form = make(
        "form",
        { onsubmit: (event) => (event.preventDefault(), this.#submit()) },
        this.#preview,
        this.#problem,
        make(
          "div",
          { class: "line" },
          iconButton("picture", say("add_picture"), () => this.#picker.click()),
          this.#box,
          make("button", { type: "submit", class: "icon send", "aria-label": say("send"), title: say("send") }, icon("send")),
        ),
        this.#picker,
      );
      const panel = make(
        "section",
        {
          class: "panel",
          "aria-labelledby": "heading",
          onkeydown: (event) => event.key === "Escape" && !this.inline && this.hide(),
          ondragenter: (event) => this.#dragged(event, 1),
          ondragleave: (event) => this.#dragged(event, -1),
          ondragover: (event) => this.#hasFiles(event) && event.preventDefault(),
          ondrop: (event) => this.#dropped(event),
        },
        make(
          "header",
          { class: "bar" },
          make("span", { class: "mark" }, icon("chat")),
          this.#heading,
          make("span", { class: "grow" }),
          iconButton("fresh", say("new_chat"), () => this.newChat()),
          iconButton("close", say("close_chat"), () => this.hide(), { class: "icon hide" }),
        ),
        this.#banner,
        this.#log,
        this.#status,
        this.#search,
        form,
        make("div", { class: "drop", "aria-hidden": "true" }, icon("picture"), say("drop_picture")),
      );
      this.#launcher = make(
        "button",
        {
          type: "button",
          class: "launcher",
          "aria-expanded": "false",
          onclick: () => (this.hasAttribute("open") ? this.hide() : this.show()),
        },
        icon("chat"),
      );
      // An empty title keeps the browser from showing the element's own title as a tooltip over all of it.
      this.#root = make("div", { class: "root", title: "", lang: WORDS.language }, panel, this.#launcher, this.#lightbox.dialog);
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLES);
      const shadow = this.attachShadow({ mode: "open" });
      shadow.adoptedStyleSheets = [sheet];
      shadow.append(this.#root);
      this.#applyAttributes();
    }

    get inline() {
      return this.hasAttribute("inline");
    }

    #applyAttributes() {
      const title = this.getAttribute("title") || "Showtell";
      const open = this.inline || this.hasAttribute("open");
      this.#heading.textContent = title;
      this.#box.placeholder = this.getAttribute("placeholder") || say("placeholder");
      this.#root.classList.toggle("inline", this.inline);
      this.#root.classList.toggle("open", open);
      this.#launcher.setAttribute("aria-expanded", String(open));
      this.#launcher.setAttribute("aria-label", open ? say("close_chat") : say("open_chat", { title }));
      if (open) this.#launcher.classList.remove("news");
      const accent = this.getAttribute("accent");
      if (accent && CSS.supports("color", accent)) {
        this.#root.style.setProperty("--accent", accent);
        this.#root.style.setProperty("--on-accent", readableOn(accent));
        this.#root.style.setProperty("--accent-ink", `color-mix(in oklab, ${accent} 65%, var(--ink))`);
      }
      if (this.#outbox) this.#save();
    }

    // -- remembering

    #key(what) {
      return `showtell:${what}:${this.server}`;
    }

    #save() {
      stored.set(
        "sessionStorage",
        this.#key("chat"),
        JSON.stringify({ v: 1, open: this.hasAttribute("open"), entries: this.#entries.slice(-MAX_ENTRIES) }),
      );
    }

    #restore() {
      let state = null;
      try {
        state = JSON.parse(stored.get("sessionStorage", this.#key("chat")) ?? "null");
      } catch {
        state = null;
      }
      if (state?.v !== 1) return;
      this.#entries = state.entries;
      if (state.open) this.setAttribute("open", "");
      for (const entry of this.#entries) {
        if (entry.who !== "user" || ["sent", "refused"].includes(entry.state)) continue;
        // The page was left before an answer came. A picture's file is gone with the old page.
        Object.assign(
          entry,
          entry.picture
            ? { state: "refused", note: say("picture_lost") }
            : { state: "failed", note: say("reloaded") },
        );
      }
    }

    // -- drawing

    #drawAll() {
      this.#log.replaceChildren(this.#welcome(), ...this.#entries.map((entry) => this.#draw(entry)), this.#typing);
      this.#keepLastChoices();
      this.#drawSearch();
      this.#log.scrollTop = this.#log.scrollHeight;
    }

    #welcome() {
      const text = this.getAttribute("welcome") || say("welcome");
      const examples = (this.getAttribute("examples") || "")
        .split("|")
        .map((example) => example.trim())
        .filter(Boolean);
      return this.#drawBot({
        replies: [{ text, images: [], choices: examples.map((example) => ({ title: example, payload: example })) }],
      });
    }

    #draw(entry) {
      const node = entry.who === "user" ? this.#drawUser(entry) : this.#drawBot(entry);
      this.#nodes.set(entry, node);
      return node;
    }

    #drawUser(entry) {
      const node = make("article", { class: "turn user" }, make("span", { class: "unseen" }, say("you")));
      if (entry.picture) {
        const holder = make("div", { class: "sent", role: "img", "aria-label": entry.picture.name });
        node.append(holder);
        if (entry.picture.data)
          drawPicture(blobFromData(entry.picture.data), 320).then((canvas) => holder.append(canvas));
        else holder.append(icon("picture"), entry.picture.name);
      }
      if (entry.shown) node.append(make("p", { class: "bubble", dir: "auto" }, entry.shown));
      node.append(make("div", { class: "note" }));
      this.#drawState(node, entry);
      return node;
    }

    #drawState(node, entry) {
      node.dataset.state = entry.state;
      const note = node.querySelector(".note");
      note.replaceChildren(...(entry.note ? [entry.note] : []));
      if (entry.state === "failed")
        note.append(make("button", { type: "button", class: "retry", onclick: () => this.#retry(entry) }, say("retry")));
    }

    #drawBot(entry) {
      const node = make("article", { class: "turn bot" }, make("span", { class: "unseen" }, say("answer")));
      for (const reply of entry.replies) {
        if (reply.text) node.append(make("p", { class: "bubble", dir: "auto" }, reply.text));
        const images = reply.images.filter(
          (image) => safeUrl(image.url, this.server) && safeUrl(image.thumbnail, this.server),
        );
        if (images.length)
          node.append(make("div", { class: "grid" }, ...images.map((image, at) => this.#drawTile(images, image, at))));
      }
      // The last word is answered first: a question's own answers stand right below it, and stand out.
      const offers = entry.replies.map((reply) => reply.choices).filter((choices) => choices.length);
      for (const [at, choices] of offers.reverse().entries())
        node.append(this.#drawChoices(choices, at === 0 && offers.length > 1));
      return node;
    }

    #drawChoices(choices, asked) {
      const pills = choices.map((choice) =>
        make(
          "button",
          {
            type: "button",
            class: asked ? "pill main" : "pill",
            dir: "auto",
            onclick: () => (this.#refocus(), this.send(choice.payload, choice.title)),
          },
          choice.title,
        ),
      );
      return make("div", { class: "chips", role: "group", "aria-label": say("suggestions") }, ...pills);
    }

    #drawTile(images, image, at) {
      const ratio = Math.min(2.2, Math.max(0.55, image.width / image.height));
      const picture = make("img", {
        alt: image.caption,
        width: image.width,
        height: image.height,
        decoding: "async",
        src: safeUrl(image.thumbnail, this.server),
      });
      const tile = make(
        "figure",
        { class: "tile" },
        make(
          "button",
          { type: "button", class: "view", "aria-haspopup": "dialog", onclick: () => this.#lightbox.show(images, at) },
          picture,
          make("span", { class: "hover", dir: "auto", "aria-hidden": "true" }, image.caption),
        ),
        make(
          "figcaption",
          {},
          make("span", { class: "number", "aria-hidden": "true" }, String(at + 1)),
          make("span", { class: "words", dir: "auto", "aria-hidden": "true" }, image.caption),
          iconButton("similar", `${say("similar_to_this")}: ${image.caption}`, () => this.#act(image, "similar"), {
            class: "icon like",
            title: say("similar_to_this"),
          }),
        ),
      );
      tile.style.setProperty("--ratio", ratio.toFixed(4));
      picture.addEventListener("error", () => tile.classList.add("broken"), { once: true });
      return tile;
    }

    #answered(replies, body) {
      const shown = this.#entries.flatMap((entry) => entry.replies ?? []).concat(replies);
      const captions = new Map(shown.flatMap((reply) => reply.images).map((image) => [image.id, image.caption]));
      this.#addEntry({ who: "bot", replies, search: readSearch(body, captions) });
    }

    /** What the search holds now, each part with a button that takes it out. */
    #drawSearch() {
      const parts = this.#entries.findLast((entry) => entry.who === "bot")?.search ?? [];
      this.#search.hidden = !parts.length;
      this.#search.replaceChildren(
        ...parts.map(({ title, payload }) =>
          make(
            "li",
            {},
            make(
              "button",
              {
                type: "button",
                class: "part",
                "aria-label": say("drop_part", { part: title }),
                onclick: () => (this.#refocus(), this.send(payload, say("drop_part", { part: title }))),
              },
              make("span", { dir: "auto" }, title),
              icon("close"),
            ),
          ),
        ),
      );
    }

    #addEntry(entry) {
      this.#entries.push(entry);
      this.#typing.before(this.#draw(entry));
      this.#keepLastChoices();
      this.#drawSearch(); // before scrolling: it takes room
      if (!this.inline && !this.hasAttribute("open")) this.#launcher.classList.add("news");
      this.#save();
      this.#scroll();
    }

    /** Quick replies belong to the state they were offered in: only those of the last word stay. */
    #keepLastChoices() {
      const turns = [...this.#log.querySelectorAll(".turn")];
      for (const turn of turns.slice(0, -1)) turn.querySelectorAll(".chips").forEach((chips) => chips.remove());
    }

    /** To the end, but never past the beginning of the last question: a tall answer is read from its top. */
    #scroll() {
      const question = [...this.#log.querySelectorAll(".turn.user")].at(-1);
      const end = this.#log.scrollHeight - this.#log.clientHeight;
      const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
      this.#log.scrollTo({
        top: Math.min(end, question ? question.offsetTop - 10 : end),
        behavior: calm ? "auto" : "smooth",
      });
    }

    #setState(entry, state, note) {
      Object.assign(entry, { state, note });
      const node = this.#nodes.get(entry);
      if (node) this.#drawState(node, entry);
      this.#save();
      if (note) this.#scroll();
    }

    #setBusy(busy) {
      this.#typing.hidden = !busy;
      this.#status.textContent = busy ? say("looking") : "";
      if (busy) this.#scroll();
    }

    #setOnline() {
      this.#banner.hidden = navigator.onLine;
      this.#banner.textContent = navigator.onLine ? "" : say("offline");
    }

    // -- acting

    #act(image, what) {
      const [intent, rating] = {
        similar: ["similar_to_image"],
        unlike: ["unlike_image"],
        up: ["rate_image", "up"],
        down: ["rate_image", "down"],
      }[what];
      this.send(
        `/${intent}${JSON.stringify({ image: image.id, ...(rating && { rating }) })}`,
        say(`said_${what}`, { caption: image.caption }),
      );
      if (!rating) this.#refocus();
    }

    /** Focus goes where the next thing is said; on touch screens without calling up the keyboard. */
    #refocus() {
      (matchMedia("(pointer: coarse)").matches ? this.#log : this.#box).focus({ preventScroll: true });
    }

    #post({ text, shown, file, picture = null }) {
      const entry = { who: "user", text, shown, picture, state: "sending", note: "" };
      this.#addEntry(entry);
      this.#outbox.push({ text, file, entry });
    }

    #retry(entry) {
      this.#refocus();
      if (this.#outbox.holds(entry)) this.#outbox.resume();
      else this.#outbox.push({ text: entry.text, file: null, entry }); // it was restored after a reload
    }

    #typed(event) {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    }

    #submit() {
      const text = this.#box.value.trim();
      const file = this.#file;
      if (!text && !file) return;
      const data = file?.data ?? null;
      this.#box.value = "";
      this.#grow();
      this.#setFile(null);
      this.#post({
        text,
        shown: text,
        file: file?.blob ?? null,
        picture: file && { name: file.blob.name || say("your_picture"), data },
      });
    }

    #grow() {
      this.#problem.textContent = "";
      this.#box.style.height = "auto";
      this.#box.style.height = `${Math.min(this.#box.scrollHeight, 140)}px`;
    }

    // -- adding a picture

    #picked() {
      this.#take(this.#picker.files[0]);
      this.#picker.value = "";
    }

    #pasted(event) {
      const file = [...event.clipboardData.files].find((item) => item.type.startsWith("image/"));
      if (!file) return;
      event.preventDefault();
      this.#take(file);
    }

    #hasFiles(event) {
      return event.dataTransfer.types.includes("Files");
    }

    #dragged(event, by) {
      if (!this.#hasFiles(event)) return;
      event.preventDefault();
      this.#drags += by; // entering a child comes before leaving its parent: count, or the hint flickers
      this.#root.classList.toggle("dropping", this.#drags > 0);
    }

    #dropped(event) {
      this.#drags = 0;
      this.#root.classList.remove("dropping");
      if (!this.#hasFiles(event)) return;
      event.preventDefault();
      this.#take(event.dataTransfer.files[0]);
    }

    async #take(blob) {
      if (!blob) return;
      this.#setFile(null);
      const size = blob.size < 1e6 ? `${Math.ceil(blob.size / 1e3)} KB` : `${(blob.size / 1e6).toFixed(1)} MB`;
      if (!blob.type.startsWith("image/"))
        return this.#refuse(say("no_picture", { name: blob.name }));
      if (blob.size > MAX_UPLOAD_BYTES)
        return this.#refuse(say("too_large", { size }));
      let canvas = null;
      try {
        canvas = await drawPicture(blob, 320);
      } catch {
        canvas = null; // a kind of picture that this browser cannot draw; the server may well read it
      }
      this.#setFile({ blob, canvas, data: canvas?.toDataURL("image/jpeg", 0.8) ?? null, size });
      this.#box.focus();
    }

    #refuse(sentence) {
      this.#problem.textContent = sentence;
    }

    #setFile(file) {
      this.#file = file;
      this.#problem.textContent = "";
      this.#preview.hidden = !file;
      this.#preview.replaceChildren();
      if (!file) return;
      file.canvas?.setAttribute("aria-hidden", "true");
      this.#preview.append(
        file.canvas ?? icon("picture"),
        make("span", { class: "name" }, file.blob.name || say("picture")),
        make("span", { class: "size" }, file.size),
        iconButton("close", say("remove_picture"), () => (this.#setFile(null), this.#box.focus())),
      );
    }
  }

  // ---- looks -------------------------------------------------------------------------------------

  const STYLES = `
    .root {
      all: initial;
      --ground: light-dark(#fbfaf8, #17191a); --raised: light-dark(#ffffff, #202325); --said: light-dark(#f0eeea, #282b2e);
      --ink: light-dark(#1d1c1a, #ececea); --quiet: light-dark(#66635d, #a5a39e); --line: light-dark(#e5e2dc, #35383b);
      --bad: light-dark(#a8322a, #ff9d94);
      --accent: light-dark(#0f6b63, #12655e); --on-accent: #ffffff; --accent-ink: light-dark(#0f6b63, #6fd6c9);
      --shade: 0 1px 2px rgb(0 0 0 / .06), 0 12px 40px rgb(0 0 0 / .16);
      color-scheme: light dark;
      display: block; position: relative; box-sizing: border-box; color: var(--ink); text-align: start;
      font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", sans-serif;
      -webkit-font-smoothing: antialiased; overflow-wrap: anywhere;
    }
    :host { display: block; }
    :host([theme="light"]) .root { color-scheme: light; }
    :host([theme="dark"]) .root { color-scheme: dark; }
    :host([hidden]), [hidden] { display: none !important; }
    :host([inline]), .root.inline, .root.inline .panel { height: 100%; }
    *, *::before, *::after { box-sizing: border-box; }
    button, textarea { font: inherit; color: inherit; margin: 0; }
    button { cursor: pointer; border: 0; background: none; padding: 0; -webkit-tap-highlight-color: transparent; }
    p, h2, ul, figure { margin: 0; padding: 0; }
    svg { width: 20px; height: 20px; fill: none; stroke: currentColor; stroke-width: 1.7; stroke-linecap: round; stroke-linejoin: round; display: block; }
    :focus-visible { outline: 2px solid var(--accent-ink); outline-offset: 2px; }
    .unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
    .grow { flex: 1; }

    .panel { display: flex; flex-direction: column; position: relative; overflow: hidden; background: var(--ground); border: 1px solid var(--line); border-radius: 18px; }
    .bar { display: flex; align-items: center; gap: 10px; padding: 10px 10px 10px 14px; border-bottom: 1px solid var(--line); background: var(--raised); }
    .bar h2 { font-size: 15px; font-weight: 650; line-height: 1.3; }
    .mark { display: grid; place-items: center; width: 30px; height: 30px; border-radius: 10px; background: var(--accent); color: var(--on-accent); }
    .mark svg { width: 17px; height: 17px; }
    .icon { display: grid; place-items: center; flex: none; width: 38px; height: 38px; border-radius: 11px; color: var(--quiet); }
    .icon:hover { background: var(--said); color: var(--ink); }
    .inline .hide { display: none; }
    .banner { padding: 7px 16px; font-size: 13px; background: var(--said); color: var(--quiet); border-bottom: 1px solid var(--line); }

    .log { flex: 1; min-height: 0; overflow-y: auto; overscroll-behavior: contain; padding: 18px 16px 8px; display: flex; flex-direction: column; gap: 14px; container-type: inline-size; position: relative; scrollbar-width: thin; }
    .log:focus-visible { outline-offset: -3px; border-radius: 6px; }
    .turn { display: flex; flex-direction: column; gap: 10px; align-items: flex-start; flex: none; }
    .bubble { max-width: min(88%, 38em); padding: 9px 14px; border-radius: 16px; white-space: pre-wrap; background: var(--said); border-end-start-radius: 5px; }
    .user { align-items: flex-end; gap: 6px; }
    .user .bubble { background: var(--accent); color: var(--on-accent); border-radius: 16px; border-end-end-radius: 5px; }
    .user[data-state="waiting"] .bubble, .user[data-state="failed"] .bubble, .user[data-state="refused"] .bubble { opacity: .85; }
    .sent { display: flex; align-items: center; gap: 8px; color: var(--quiet); font-size: 13px; }
    .sent canvas { display: block; max-width: min(220px, 70cqw); max-height: 220px; border-radius: 14px; border: 1px solid var(--line); }
    .note { font-size: 13px; color: var(--quiet); max-width: 90%; text-align: end; }
    .note:empty { display: none; }
    .user[data-state="failed"] .note, .user[data-state="refused"] .note, .problem { color: var(--bad); }
    .retry { margin-inline-start: 8px; font-weight: 600; color: var(--accent-ink); text-decoration: underline; text-underline-offset: 3px; padding: 4px 2px; border-radius: 4px; }
    .typing { display: flex; gap: 5px; padding: 14px 15px; background: var(--said); border-radius: 16px; border-end-start-radius: 5px; width: max-content; flex: none; }
    .typing i { width: 7px; height: 7px; border-radius: 50%; background: var(--quiet); opacity: .55; }

    .grid { --row: 104px; --most: 1.4; display: flex; flex-wrap: wrap; gap: 12px 10px; width: 100%; align-items: flex-start; }
    @container (min-width: 560px) { .grid { --row: 173px; --most: 1.06; gap: 14px; } .bubble { font-size: 15.5px; } }
    .tile { position: relative; flex: var(--ratio) 1 calc(var(--ratio) * var(--row)); max-width: min(100%, calc(var(--ratio) * var(--row) * var(--most))); min-width: 0; }
    .view { display: block; position: relative; width: 100%; aspect-ratio: var(--ratio); border-radius: 13px; overflow: hidden; background: #fff; border: 1px solid var(--line); cursor: zoom-in; }
    .view img { display: block; width: 100%; height: 100%; object-fit: contain; }
    .hover { position: absolute; inset: auto 0 0; padding: 26px 10px 8px; color: #fff; font-size: 12.5px; line-height: 1.35; text-align: start; background: linear-gradient(transparent, rgb(0 0 0 / .74)); opacity: 0; max-height: 100%; overflow: hidden; }
    .tile:hover .hover, .view:focus-visible .hover { opacity: 1; }
    figcaption { display: flex; align-items: flex-start; gap: 6px; margin-top: 3px; padding-inline-start: 2px; font-size: 12.5px; line-height: 1.35; color: var(--quiet); }
    .number { padding-top: 6px; font-weight: 650; color: var(--accent-ink); }
    .words { flex: 1; min-width: 0; margin-top: 6px; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; }
    .like { width: 30px; height: 30px; margin-inline-end: -3px; border-radius: 9px; }
    .like:hover { color: var(--accent-ink); }
    .like svg { width: 16px; height: 16px; }
    .broken img { visibility: hidden; }
    .broken .hover { opacity: 1; }

    .chips, .actions { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; }
    .pill { display: inline-flex; align-items: center; gap: 7px; min-height: 36px; padding: 6px 14px; border-radius: 18px; border: 1px solid var(--line); background: var(--raised); font-size: 14px; line-height: 1.3; font-weight: 500; text-align: start; }
    .pill svg { width: 17px; height: 17px; }
    .pill:hover { border-color: var(--accent-ink); color: var(--accent-ink); }
    .chips .pill:not(.main) { color: var(--accent-ink); }
    .pill.main { background: var(--accent); color: var(--on-accent); border-color: transparent; }
    .pill.main:hover { filter: brightness(1.12); }

    .search { display: flex; gap: 6px; margin: 0; padding: 8px 14px 0; list-style: none; overflow-x: auto; scrollbar-width: none; flex: none; }
    .search li { flex: none; max-width: 75%; }
    .part { display: flex; align-items: center; gap: 5px; max-width: 100%; min-height: 28px; padding: 3px 8px 3px 11px; border-radius: 14px; background: var(--said); color: var(--ink); font-size: 13px; line-height: 1.3; }
    .part span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
    .part svg { width: 13px; height: 13px; flex: none; color: var(--quiet); }
    .part:hover svg { color: var(--bad); }

    form { padding: 10px 12px max(12px, env(safe-area-inset-bottom)); display: block; }
    .line { display: flex; align-items: flex-end; gap: 4px; padding: 5px; background: var(--raised); border: 1px solid var(--line); border-radius: 18px; }
    .line:focus-within { border-color: var(--accent-ink); box-shadow: 0 0 0 1px var(--accent-ink); }
    textarea { flex: 1; min-width: 0; resize: none; border: 0; background: none; padding: 8px 4px; line-height: 22px; height: 38px; max-height: 140px; font-size: 16px; }
    textarea:focus-visible { outline: 0; } /* its line shows the focus */
    textarea::placeholder { color: var(--quiet); opacity: 1; }
    .send { background: var(--accent); color: var(--on-accent); border-radius: 13px; }
    .send:hover { background: var(--accent); color: var(--on-accent); filter: brightness(1.12); }
    .problem { font-size: 13px; padding: 0 6px 8px; }
    .problem:empty { display: none; }
    .preview { display: flex; align-items: center; gap: 10px; padding: 6px 4px 6px 8px; margin-bottom: 8px; background: var(--said); border-radius: 14px; font-size: 13px; }
    .preview canvas { max-width: 56px; max-height: 44px; border-radius: 7px; }
    .preview .name { flex: 1; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
    .preview .size { color: var(--quiet); white-space: nowrap; }
    .drop { position: absolute; inset: 0; display: none; place-content: center; justify-items: center; gap: 10px; font-weight: 600; color: var(--accent-ink); background: color-mix(in srgb, var(--ground) 88%, transparent); border: 2px dashed var(--accent-ink); border-radius: inherit; pointer-events: none; }
    .drop svg { width: 34px; height: 34px; }
    .dropping .drop { display: grid; }

    .launcher { display: none; }
    .root:not(.inline) { position: fixed; inset: auto max(20px, env(safe-area-inset-right)) max(20px, env(safe-area-inset-bottom)) auto; z-index: 2147483000; }
    .root:not(.inline) .panel { display: none; position: absolute; right: 0; bottom: 74px; width: 400px; height: min(660px, calc(100dvh - 114px)); box-shadow: var(--shade); }
    .root.open:not(.inline) .panel { display: flex; }
    .root:not(.inline) .launcher { display: grid; place-items: center; position: relative; width: 58px; height: 58px; border-radius: 50%; background: var(--accent); color: var(--on-accent); box-shadow: 0 4px 18px rgb(0 0 0 / .26); }
    .launcher svg { width: 27px; height: 27px; }
    .launcher:hover { filter: brightness(1.1); }
    .launcher.news::after { content: ""; position: absolute; top: 2px; right: 2px; width: 14px; height: 14px; border-radius: 50%; background: #e5484d; border: 2px solid #fff; }
    @media (max-width: 520px) {
      .root:not(.inline) .panel { position: fixed; inset: 0; width: auto; height: 100dvh; border: 0; border-radius: 0; }
      .root.open:not(.inline) .launcher { display: none; }
    }

    .lightbox { width: min(760px, 100vw - 32px); max-width: none; max-height: calc(100dvh - 32px); padding: 0; border: 1px solid var(--line); border-radius: 20px; background: var(--ground); color: var(--ink); overflow: hidden; box-shadow: var(--shade); }
    .lightbox::backdrop { background: rgb(10 12 12 / .62); }
    .frame { display: flex; flex-direction: column; max-height: calc(100dvh - 34px); }
    .frame header { display: flex; align-items: center; justify-content: space-between; padding: 8px 8px 8px 20px; }
    .counter { font-size: 13.5px; color: var(--quiet); }
    .stage { position: relative; flex: 0 1 auto; min-height: 120px; display: grid; place-items: center; padding: 0 16px; overflow: hidden; }
    .stage img { display: block; width: auto; height: clamp(160px, calc(100dvh - 310px), 460px); max-width: 100%; border-radius: 12px; background: #fff; object-fit: contain; }
    .step { position: absolute; top: calc(50% - 22px); width: 44px; height: 44px; border-radius: 50%; background: var(--raised); border: 1px solid var(--line); color: var(--ink); }
    .before { left: 22px; } .after { right: 22px; }
    .about { padding: 16px 20px 20px; overflow-y: auto; flex: none; max-height: 50%; }
    .about h2 { font-size: 18px; line-height: 1.35; font-weight: 650; }
    .about ul { list-style: none; color: var(--quiet); font-size: 14px; margin-top: 4px; }
    .actions { margin-top: 14px; }
    .rate[aria-pressed="true"] { background: var(--accent); color: var(--on-accent); }
    .thanks { font-size: 13px; color: var(--quiet); }
    @media (max-width: 520px) {
      .lightbox { width: 100vw; height: 100dvh; max-height: none; border: 0; border-radius: 0; }
      .frame { height: 100%; max-height: none; } .stage { flex: 1; } .before { left: 10px; } .after { right: 10px; }
    }

    @media (prefers-reduced-motion: no-preference) {
      .icon, .pill, .launcher, .hover { transition: background-color .15s, color .15s, border-color .15s, opacity .15s, filter .15s; }
      .turn { animation: rise .22s ease-out; }
      .root.open:not(.inline) .panel, .lightbox[open] { animation: rise .18s ease-out; }
      .typing i { animation: breathe 1.2s infinite ease-in-out; }
      .typing i:nth-child(2) { animation-delay: .18s; } .typing i:nth-child(3) { animation-delay: .36s; }
      @keyframes rise { from { opacity: 0; transform: translateY(7px); } }
      @keyframes breathe { 40% { opacity: 1; transform: translateY(-3px); } }
    }
    @media (forced-colors: active) { .send, .mark, .launcher, .user .bubble, .pill, .part { border: 1px solid; } }
  `;

  customElements.define("showtell-chat", ShowtellChat);

  /** One script tag is enough: a page with no <showtell-chat> of its own gets the floating one. */
  function place() {
    if (document.querySelector("showtell-chat")) return;
    const chat = document.createElement("showtell-chat");
    for (const [name, value] of Object.entries(script?.dataset ?? {})) chat.setAttribute(name, value);
    document.body.append(chat);
  }
  if (script) document.readyState === "loading" ? document.addEventListener("DOMContentLoaded", place) : place();
})();
