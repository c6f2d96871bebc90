/** Simple markdown, made of nodes: what a bot says can never become markup. */
import { safeUrl } from "./basics/addresses.js";
import { make } from "./basics/elements.js";

/** Bold, italics, code, a link with a name, a bare address; the first that begins is taken. */
const SPANS = new RegExp(
  [
    "`(?<code>[^`]+)`",
    "\\*\\*(?<bold>\\S(?:.*?\\S)?)\\*\\*",
    "(?<![\\w*])\\*(?<star>[^\\s*](?:[^*]*[^\\s*])?)\\*(?![\\w*])",
    "(?<!\\w)_(?<line>[^\\s_](?:[^_]*[^\\s_])?)_(?!\\w)",
    "\\[(?<name>[^\\]\\n]+)\\]\\((?<target>[^\\s()]+)\\)",
    "(?<bare>https?://[^\\s<>\"”’]*[^\\s<>\"”’.,:;!?()])",
  ].join("|"),
  "g",
);
const FENCE = "```";
const ITEM = /^\s*(?:[-*•]|(\d+)[.)])\s+(?=\S)/;

/**
 * A text as blocks: paragraphs, lists, code.
 * @param {string} text
 * @returns {HTMLElement[]}
 */
export function drawMarkdown(text) {
  const blocks = [];
  const lines = text.split("\n");
  for (let at = 0; at < lines.length; ) {
    const begin = at;
    const kind = kindOf(lines[at]);
    if (kind === "code") {
      const end = lines.indexOf(FENCE, at + 1);
      at = end < 0 ? lines.length : end + 1;
      const code = make("code", {}, lines.slice(begin + 1, end < 0 ? at : end).join("\n"));
      blocks.push(make("pre", { tabindex: "0", dir: "ltr" }, code)); // keys can scroll it
      continue;
    }
    while (at < lines.length && kindOf(lines[at]) === kind) at++;
    const block = lines.slice(begin, at);
    const words = block.join("\n").trim();
    if (kind !== "p") blocks.push(drawList(kind, block));
    else if (words) blocks.push(make("p", { dir: "auto" }, ...drawSpans(words)));
  }
  return blocks;
}

/** @param {string} line @returns {"code" | "ol" | "ul" | "p"} */
function kindOf(line) {
  if (line.startsWith(FENCE)) return "code";
  const item = ITEM.exec(line);
  return item ? (item[1] ? "ol" : "ul") : "p";
}

/** @param {"ol" | "ul"} kind @param {string[]} lines */
function drawList(kind, lines) {
  const items = lines.map((line) => make("li", { dir: "auto" }, ...drawSpans(line.replace(ITEM, ""))));
  return make(kind, { start: ITEM.exec(lines[0])?.[1] }, ...items);
}

/** @param {string} text @returns {(Node | string)[]} */
function drawSpans(text) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(SPANS)) {
    nodes.push(text.slice(end, match.index), drawSpan(match[0], match.groups ?? {}));
    end = match.index + match[0].length;
  }
  return [...nodes, text.slice(end)];
}

/** @param {string} written @param {Record<string, string>} groups @returns {Node | string} */
function drawSpan(written, { code, bold, star, line, name, target, bare }) {
  if (code) return make("code", {}, code);
  if (bold) return make("strong", {}, ...drawSpans(bold));
  if (star ?? line) return make("em", {}, ...drawSpans(star ?? line));
  const address = safeUrl(target ?? bare);
  return address ? make("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, name ?? bare) : written;
}
