// The demo page: what the gallery holds, and the line that embeds the chat elsewhere.
(async () => {
  "use strict";
  const at = (id) => document.getElementById(id);
  const snippet = `<script src="${new URL("widget.js", document.baseURI).href}" defer></script>`;
  at("snippet").textContent = snippet;

  const copy = at("copy");
  const { textContent: name } = copy;
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(snippet);
      copy.textContent = copy.dataset.copied;
    } catch {
      // No clipboard without https or permission: select the line, so that one key copies it.
      getSelection().selectAllChildren(at("snippet"));
      copy.textContent = copy.dataset.press;
    }
    setTimeout(() => (copy.textContent = name), 2500);
  });

  let about = {};
  try {
    const response = await fetch("api/about");
    if (response.ok) about = await response.json();
  } catch {
    // The chat itself says when the server cannot be reached; the footer stays empty.
  }
  if (Number.isInteger(about.images)) {
    const count = about.images.toLocaleString(document.documentElement.lang);
    const facts = { count, gallery: about.bundle, version: about.version };
    at("about").textContent = at("about").dataset.facts.replace(/{(\w+)}/g, (_, key) => facts[key] ?? "");
  }
  at("attribution").textContent = about.attribution || "";
})();
