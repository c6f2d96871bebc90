/** What the server puts into the file when it sends it: its language, its words, its limits. */
declare const SHOWTELL_SERVED: {
  language: string;
  words: Record<string, string>;
  limits: { text: number; bytes: number; formats: string[] };
};

declare module "*.css" {
  const text: string;
  export default text;
}

interface HTMLElementTagNameMap {
  "showtell-chat": import("./chat.js").ShowtellChat;
}
