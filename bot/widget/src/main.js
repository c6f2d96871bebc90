/**
 * Showtell: a chat that answers with pictures.
 *
 *   <script src="https://your.host/widget.js" defer></script>      a chat bubble on any page
 *   <showtell-chat inline></showtell-chat>                         the chat in place, where it stands
 *
 * Attributes, also as data-… on the script tag, properties, parts and events: docs/widget.md.
 */
import { script } from "./basics/addresses.js";
import { ShowtellChat } from "./chat.js";

/** One script tag is enough: a page with no <showtell-chat> of its own gets the floating one. */
function place() {
  if (document.querySelector("showtell-chat")) return;
  const chat = document.createElement("showtell-chat");
  for (const [name, value] of Object.entries(script?.dataset ?? {}))
    chat.setAttribute(name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`), value ?? "");
  document.body.append(chat);
}

if (!customElements.get("showtell-chat")) {
  customElements.define("showtell-chat", ShowtellChat);
  if (script) document.readyState === "loading" ? addEventListener("DOMContentLoaded", place) : place();
}
