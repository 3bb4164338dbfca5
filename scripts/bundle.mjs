// Makes the agent that an image carries: JavaScript alone, minified, what loads lazily in files of its own, native
// code beside it, the page's files inside, and the licences of everything in it. Same input, same bytes.
//
//   node scripts/bundle.mjs [--out FOLDER] [--sourcemap]      (Node 24; default dist/image)
//
// With --sourcemap the same files, a map beside each: `node --enable-source-maps` reads them, and stack traces in the log
// of an image of the same commit are read by the map of that name.
import {
  appendFileSync,
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
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { buildPageAssets } from "../agent/page/assets.ts";
import { bundledPackages, licences } from "./licences.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const { values } = parseArgs({
  options: {
    out: { type: "string", default: join(root, "dist/image") },
    sourcemap: { type: "boolean", default: false },
  },
});
const out = resolve(values.out); // esbuild would take it for one of the checkout

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

/**
 * An `import` of a module of Node.js makes all of its exports at once, and some of them load what the agent never uses:
 * `WebSocket` of node:http is a second undici. Here an import is of the names that are used and no others; each file that
 * asked for a copy of all of them kept thousands of getters.
 */
const usedBuiltins = {
  name: "used-builtins",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:|^[a-z]/ }, ({ path, kind }) =>
      kind === "import-statement" && isBuiltin(path) ? { path, namespace: "builtin", sideEffects: false } : undefined,
    );
    onLoad({ filter: /.*/, namespace: "builtin" }, ({ path }) => {
      const names = Object.keys(process.getBuiltinModule(path)).filter((name) => name !== "default");
      return {
        contents: [
          `const all = require(${JSON.stringify(path)}), take = (name) => all[name];`,
          ...names.map((name, i) => `const n${i} = /* @__PURE__ */ take("${name}"); export { n${i} as ${name} };`),
          "export default all;",
        ].join("\n"),
      };
    });
  },
};

const MEDIA = /^(text[/](plain|html|css|javascript)|image[/](svg\+xml|png)|application[/](json|octet-stream))$/;

/**
 * What packages load that the agent never calls, and that would stay: express brings readers of request bodies, half a
 * megabyte of character tables, and of nested queries; prom-client a way to push and one to ask workers, and OpenTelemetry.
 */
const unused = {
  name: "unused-parts",
  setup({ onResolve, onLoad }) {
    const empty = ({ path }) => ({ path, namespace: "empty" });
    const emptyFor = (name, filter) =>
      onResolve({ filter }, (asked) => (asked.importer.includes(`node_modules/${name}/`) ? empty(asked) : undefined));
    emptyFor("express", /^(body-parser|qs)$/);
    emptyFor("prom-client", /^(@opentelemetry[/]api|[.][/]lib[/](pushgateway|cluster))$/);
    onLoad({ filter: /.*/, namespace: "empty" }, () => ({ contents: "module.exports = {};" }));
    // HTTP/2 loads node:http2 and node:tls, 2 MB of OpenSSL's; a mesh that is a file has neither.
    onLoad({ filter: /[/]undici[/]lib[/]dispatcher[/]client\.js$/ }, ({ path }) => {
      const [eager, lazy] = ["const connectH2 = require(", "const connectH2 = (...asked) => require("];
      const [before, after, ...more] = readFileSync(path, "utf8").split(eager);
      if (after === undefined || more.length > 0) throw new Error(`bundle: ${path} loads HTTP/2 otherwise than it did`);
      return { contents: before + lazy + after.replace(/\)/, ")(...asked)") };
    });
    // Of 2,500 types of media those that an agent has. Asked for a type by its full name express needs no list.
    onLoad({ filter: /[/]mime-db[/]db\.json$/ }, ({ path }) => {
      const all = Object.entries(JSON.parse(readFileSync(path, "utf8")));
      return { contents: JSON.stringify(Object.fromEntries(all.filter(([type]) => MEDIA.test(type)))), loader: "json" };
    });
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
const options = {
  absWorkingDir: root,
  entryPoints: { main: "agent/main.ts" },
  outdir: out,
  outExtension: { ".js": ".mjs" },
  chunkNames: "[name]-[hash]",
  bundle: true,
  splitting: true,
  // And no names of functions: each would be defined anew when its file is loaded, and its properties would be kept in a
  // table of their own from then on, 2 MB in all. `--sourcemap` gives the names in a stack trace.
  minify: true,
  format: "esm",
  platform: "node",
  target: "node24",
  // raw-socket is native. esbuild serves checkouts only: here the page's files are inside.
  external: ["raw-socket", "esbuild"],
  plugins: [usedBuiltins, namedExports, unused],
  define: {
    PAGE_ASSETS: JSON.stringify(await buildPageAssets()),
    // undici's own word for a bundle without its second, experimental parser of HTTP.
    esbuildDetection: "1",
    TROUBLESHOOTING: JSON.stringify(readFileSync(join(root, "docs/troubleshooting.md"), "utf8")),
  },
  banner: { js: REQUIRE },
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
};
const { metafile } = await build(options);
if (values.sourcemap) await writeMaps();
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

/**
 * The names of files have a hash in them that a map would change, so maps come of a build of their own, file for file by
 * what is inside.
 */
async function writeMaps() {
  const mapped = await build({ ...options, sourcemap: "external", write: false });
  const texts = new Map(mapped.outputFiles.map(({ path, text }) => [path, text]));
  const partsOf = ({ entryPoint, inputs }) => JSON.stringify([entryPoint, Object.keys(inputs)]);
  const files = new Map(Object.entries(metafile.outputs).map(([file, output]) => [partsOf(output), join(root, file)]));
  for (const [path, output] of Object.entries(mapped.metafile.outputs)) {
    if (path.endsWith(".map")) continue;
    const file = files.get(partsOf(output));
    const map = JSON.parse(texts.get(join(root, `${path}.map`)));
    // The first line of the program is put before what the map knows.
    if (basename(file) === "main.mjs") map.mappings = `;${map.mappings}`;
    writeFileSync(`${file}.map`, JSON.stringify(map));
    appendFileSync(file, `//# sourceMappingURL=${basename(file)}.map\n`);
  }
}

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
