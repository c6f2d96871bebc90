// The page of examples: the code of each, the buttons that call a chat, and what a chat tells.
(() => {
  "use strict";
  const at = (id) => document.getElementById(id);
  const rules = [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules]);

  function showCode(section) {
    const chats = [...section.querySelectorAll("showtell-chat")];
    const lines = chats.map((chat) => chat.cloneNode().outerHTML.replaceAll('=""', ""));
    for (const { cssText, selectorText = "" } of rules) {
      if (selectorText.startsWith(`#${chats[0].id}`)) lines.push(cssText);
    }
    const code = document.createElement("pre");
    code.tabIndex = 0;
    code.textContent = lines.join("\n");
    code.setAttribute("role", "group");
    code.setAttribute("aria-label", `Code: ${section.querySelector("h2").textContent}`);
    section.append(code);
  }
  for (const section of document.querySelectorAll("main section")) showCode(section);

  const chat = at("calls");
  const bubble = at("bubble");
  const acts = {
    send: () => chat.send("a red circle"),
    newChat: () => chat.newChat(),
    examples: () => (chat.examples = ["stars"]),
    show: () => bubble.show(),
    hide: () => bubble.hide(),
  };
  for (const button of document.querySelectorAll("[data-do]")) {
    button.addEventListener("click", acts[button.dataset.do]);
  }
  at("server-is").textContent = chat.server;
  at("inline-is").textContent = String(chat.inline);

  function hear({ type, detail, target }) {
    const line = document.createElement("li");
    line.textContent = `${type} of ${target.title}: ${JSON.stringify(detail).slice(0, 120)}`;
    at("heard").prepend(line);
  }
  for (const what of ["open", "message", "answer", "picture"]) {
    document.addEventListener(`showtell:${what}`, hear);
  }
})();
