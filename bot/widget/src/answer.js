/** What the server says, reduced to what is shown. */
import { quoteList, say } from "./basics/words.js";

/**
 * @typedef {{id: string, url: string, thumbnail: string, caption: string, reasons: string[],
 *   width: number, height: number}} Picture
 * @typedef {{title: string, payload: string}} Choice what a button says, and what it sends
 * @typedef {{text: string, images: Picture[], choices: Choice[]}} Reply
 * @typedef {{who: "bot", replies: Reply[], search: Choice[]}} Answer
 */

/** @param {unknown} value */
const string = (value) => (typeof value === "string" ? value : "");
/** @param {any} value @returns {any[]} */
const list = (value) => (Array.isArray(value) ? value : []);

/**
 * One turn's answer, or null when it is not an answer of ours.
 * @param {any} body
 * @param {Map<string, string>} captions of pictures that were shown before, by id; takes the new ones
 * @returns {Answer | null}
 */
export function readAnswer(body, captions) {
  if (!Array.isArray(body?.replies)) return null;
  const replies = body.replies.map(readReply);
  for (const reply of replies) for (const image of reply.images) captions.set(image.id, image.caption);
  const said = replies.some((/** @type {Reply} */ { text, images, choices }) => text || images.length || choices.length);
  return {
    who: "bot",
    replies: said ? replies : [{ text: say("no_answer"), images: [], choices: [] }],
    search: readSearch(body.search, captions),
  };
}

/** @param {any} reply @returns {Reply} */
function readReply(reply) {
  return {
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
      .filter(({ title, payload }) => title && payload),
  };
}

/**
 * The running search: what each part says, and the message that takes it out of the search.
 * @param {any} search
 * @param {Map<string, string>} captions
 * @returns {Choice[]}
 */
function readSearch(search, captions) {
  if (!search) return [];
  /** @param {string} title @param {object} part */
  const chip = (title, part) => ({ title, payload: `/drop_from_search${JSON.stringify(part)}` });
  /** @param {unknown} ids @param {string} name */
  const pictures = (ids, name) =>
    list(ids).map((id) => chip(say(name, { caption: captions.get(id) ?? say("picture") }), { image: string(id) }));
  return [
    ...(search.uploaded ? [chip(say("your_picture"), { upload: true })] : []),
    ...list(search.wanted).map((text) => chip(string(text), { query: string(text) })),
    ...list(search.excluded).map((text) => chip(say("chip_without", { text }), { excluded: string(text) })),
    ...Object.entries(search.filters ?? {}).map(([key, value]) =>
      chip(say(`chip_${key}`, { value: string(value) }), { [key]: value }),
    ),
    ...pictures(search.liked, "chip_like"),
    ...pictures(search.disliked, "chip_unlike"),
  ];
}

const KNOWN_REASONS = ["visual", "caption", "feedback", "similar", "image", "filter"];

/**
 * Reason codes ("visual", "caption:snow", "feedback", …) as sentences; a sentence stays as it is.
 * @param {string[]} reasons
 */
export function explain(reasons) {
  const words = reasons
    .filter((reason) => reason.startsWith("caption:"))
    .map((reason) => reason.slice(8).trim())
    .filter(Boolean);
  const sentences = words.length ? [say("why_words", { words: quoteList(words) })] : [];
  for (const reason of reasons) {
    const kind = reason.split(":")[0];
    if (!KNOWN_REASONS.includes(kind)) reason.includes(" ") && sentences.push(reason);
    else if (!(kind === "caption" && words.length)) sentences.push(say(`why_${kind}`));
  }
  return [...new Set(sentences)];
}
