// Makes the agent that an image carries: JavaScript alone, minified, what loads lazily in files of its own, native
// code beside it, the page's files inside, and the licences of everything in it. Same input, same bytes.
//
//   node scripts/bundle.mjs [--out FOLDER]      (Node 24; default dist/image)
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { buildPageAssets } from "../agent/page/assets.ts";
import { bundledPackages, licences } from "./licences.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const { values } = parseArgs({ options: { out: { type: "string", default: join(root, "dist/image") } } });
const out = values.out;

// CommonJS packages inside ask for `require`.
const REQUIRE =
  'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);';

/**
 * Makes the file itself a program, for `kubectl exec`: the image has Node.js there, and neither shell nor `env`. Linux
 * passes on one flag; the image's ENTRYPOINT has more.
 */
const FIRST_LINE = "#!/nodejs/bin/node --max-semi-space-size=1\n";

/**
 * `const { Client } = await import("undici")`: Node.js finds the names of a CommonJS package by reading it, esbuild
 * gives such an import the default export alone. So each is sent through a module that names them one by one.
 */
const namedExports = {
  name: "named-exports-of-lazy-packages",
  setup({ onResolve, onLoad, initialOptions: { external } }) {
    onResolve({ filter: /^[^./]/ }, ({ path, kind, importer }) => {
      if (kind !== "dynamic-import" || importer.includes("node_modules") || isBuiltin(path) || external.includes(path))
        return undefined;
      // An optional package that was not installed: the agent says so when it would need it.
      return isInstalled(path) ? { path, namespace: "named" } : { path, external: true };
    });
    onLoad({ filter: /.*/, namespace: "named" }, async ({ path }) => ({
      resolveDir: root,
      contents: `export { ${await namesOf(path)} } from "${path}";`,
    }));
  },
};

/** express brings readers of request bodies, and they half a megabyte of character tables; the agent reads no body. */
const noBodies = {
  name: "no-body-parser",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^body-parser$/ }, ({ path }) => ({ path, namespace: "empty" }));
    onLoad({ filter: /.*/, namespace: "empty" }, () => ({ contents: "module.exports = {};" }));
  },
};

const isInstalled = (name) => existsSync(join(root, "node_modules", name));

/** Of a package that does not load here (net-ping, where raw-socket is not compiled) the default is all that is sure. */
async function namesOf(name) {
  try {
    return Object.keys(await import(name))
      .filter((exported) => /^[\w$]+$/.test(exported))
      .join(", ");
  } catch (err) {
    console.error(`bundle: ${name} does not load here: ${err.message.split("\n")[0]}`);
    return "default";
  }
}

rmSync(out, { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: { main: "agent/main.ts" },
  outdir: out,
  outExtension: { ".js": ".mjs" },
  chunkNames: "[name]-[hash]",
  bundle: true,
  splitting: true,
  minify: true,
  keepNames: true,
  format: "esm",
  platform: "node",
  target: "node24",
  // raw-socket is native. esbuild serves checkouts only: here the page's files are inside.
  external: ["raw-socket", "esbuild"],
  plugins: [namedExports, noBodies],
  define: {
    PAGE_ASSETS: JSON.stringify(await buildPageAssets()),
    TROUBLESHOOTING: JSON.stringify(readFileSync(join(root, "docs/troubleshooting.md"), "utf8")),
  },
  banner: { js: REQUIRE },
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});
const main = join(out, "main.mjs");
writeFileSync(main, FIRST_LINE + readFileSync(main, "utf8"));
chmodSync(main, 0o755);
const native = copyNative();
writeFileSync(join(out, "package.json"), '{"type":"module"}\n');
writeFileSync(join(out, "LICENSE"), readFileSync(join(root, "LICENSE")));
writeFileSync(join(out, "THIRD-PARTY-LICENSES.txt"), licences([...bundledPackages(root, metafile), ...native]));
console.log(
  `bundle: ${relative(process.cwd(), out) || "."}: ${sizeMb(out)} MB, native: ${native.map((folder) => relative(join(root, "node_modules"), folder)).join(", ")}`,
);

/** Only the files that run. koffi looks its binary up as a package; raw-socket is there where it compiled. */
function copyNative() {
  const arch = process.arch;
  const koffi = join(root, `node_modules/@koromix/koffi-linux-${arch}`);
  if (!existsSync(koffi))
    throw new Error(`bundle: ${koffi} is missing: npm ci must run on Linux ${arch}, optional packages included`);
  copy(koffi, ["package.json", "index.js", `linux_${arch}/koffi.node`]);
  const raw = join(root, "node_modules/raw-socket");
  if (!existsSync(join(raw, "build/Release/raw.node"))) {
    console.error("bundle: raw-socket is not compiled: the userspace engine of this bundle has no ICMP");
    return [koffi];
  }
  copy(raw, ["package.json", "index.js", "build/Release/raw.node"]);
  return [koffi, raw];
}

function copy(folder, files) {
  for (const file of files) {
    const target = join(out, relative(root, folder), file);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(join(folder, file), target);
  }
}

function sizeMb(folder) {
  const bytes = readdirSync(folder, { recursive: true }).reduce(
    (sum, file) => sum + statSync(join(folder, file)).size,
    0,
  );
  return (bytes / 1e6).toFixed(1);
}
