/** Bundles bot/widget/src into the one file that is served: `node build.mjs OUTPUT`. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";

const SOURCE = fileURLToPath(new URL("../../bot/widget/src/", import.meta.url));
// What every browser with CSS nesting, light-dark() and findLast reads.
const TARGET = ["chrome123", "firefox121", "safari17.5"];

/** Stylesheets become strings, as small as scripts. */
const styles = {
  name: "styles",
  setup(bundler) {
    bundler.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const css = await readFile(path, "utf8");
      const { code } = await transform(css, { loader: "css", minify: true, target: TARGET });
      return { contents: code, loader: "text" };
    });
  },
};

await build({
  entryPoints: [`${SOURCE}main.js`],
  outfile: process.argv[2],
  bundle: true,
  minify: true,
  format: "iife",
  target: TARGET,
  charset: "utf8",
  legalComments: "none",
  banner: { js: "/*! Showtell: a chat that answers with pictures. Apache-2.0. Its source: bot/widget/src */" },
  plugins: [styles],
});
