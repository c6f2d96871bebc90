// The demo page: what the gallery holds, what to try, and the line that embeds the chat elsewhere.
(async () => {
  "use strict";
  const at = (id) => document.getElementById(id);
  const chat = document.querySelector("showtell-chat");
  const snippet = `<script src="${new URL("widget.js", document.baseURI).href}" defer></script>`;
  at("snippet").textContent = snippet;

  at("copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(snippet);
      at("copy").textContent = "Copied";
    } catch {
      // No clipboard without https or permission: select the line, so that one key copies it.
      getSelection().selectAllChildren(at("snippet"));
      at("copy").textContent = "Press Ctrl+C";
    }
    setTimeout(() => (at("copy").textContent = "Copy"), 2500);
  });

  let about = {};
  try {
    const response = await fetch("api/about");
    if (response.ok) about = await response.json();
  } catch {
    // The chat itself says when the server cannot be reached; the footer stays empty.
  }
  const examples =
    Array.isArray(about.examples) && about.examples.length
      ? about.examples.map(String)
      : ["something sweet to eat", "a dog", "I want to congratulate her"];
  chat.examples = examples;
  const facts = [
    Number.isInteger(about.images) && `${about.images.toLocaleString("en")} pictures`,
    about.bundle && `gallery ${about.bundle}`,
    about.version && `Showtell ${about.version}`,
  ];
  at("about").textContent = facts.filter(Boolean).join(" · ");
  at("attribution").textContent = about.attribution || "";
})();
