/** The desk: asks for the token, then shows one section at a time, each by its own file. */
import { announce } from "./elements.js";
import { Gallery } from "./gallery.js";
import { MapSection } from "./map.js";
import { Now } from "./now.js";
import { Questions } from "./questions.js";
import { Refused, Server } from "./server.js";

/** @param {string} id */
const at = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

const form = /** @type {HTMLFormElement} */ (at("enter"));
const field = /** @type {HTMLInputElement} */ (at("token"));
const server = new Server(() => leave("This is not the server's token."));
const sections = {
  gallery: new Gallery(at("gallery"), server),
  now: new Now(at("now"), server),
  questions: new Questions(at("questions"), server),
  map: new MapSection(at("map"), server),
};
/** @type {keyof typeof sections | null} */
let open = null;

/** @param {string} [why] */
function leave(why = "") {
  server.token = "";
  show(null);
  announce("");
  at("refused").textContent = why;
  field.setAttribute("aria-invalid", String(Boolean(why)));
  field.focus();
}

/** @param {keyof typeof sections | null} name null asks for the token */
function show(name) {
  if (open) sections[open].hide();
  open = name;
  form.hidden = name !== null;
  at("sections").hidden = at("leave").hidden = name === null;
  for (const [key, section] of Object.entries(sections)) {
    at(key).hidden = key !== name;
    const link = document.querySelector(`#sections a[href="#${key}"]`);
    if (key === name) link?.setAttribute("aria-current", "page");
    else link?.removeAttribute("aria-current");
    if (key === name) section.show();
  }
  if (name) document.title = `${at(`${name}-title`).textContent} · Showtell's desk`;
}

function follow() {
  const name = /** @type {keyof typeof sections} */ (location.hash.slice(1));
  if (server.token) show(name in sections ? name : "gallery");
  else show(null);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  server.token = field.value.trim();
  try {
    await server.ask("model");
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status !== 401) at("refused").textContent = error.message;
    return;
  }
  field.value = "";
  at("refused").textContent = "";
  field.removeAttribute("aria-invalid");
  follow();
});
at("leave").addEventListener("click", () => leave());
window.addEventListener("hashchange", follow);
// What a section did not catch is said at least.
window.addEventListener("unhandledrejection", (event) => {
  if (!(event.reason instanceof Refused)) return;
  event.preventDefault();
  if (server.token) announce(event.reason.message);
});
follow();
