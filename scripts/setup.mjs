// Makes a fresh clone able to run: npm packages, Node 24, and the Debian tools that the asked purpose needs.
// Plain JavaScript for whatever Node the machine has (20 or newer), with no dependency. Quick when all is there.
//
//   node scripts/setup.mjs [--for start|test|bench]
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { newNode, NO_NODE, PACKAGED } from "./node.mjs";
import { canInstall, installLine, installPackages, missingPrograms, PROGRAMS } from "./programs.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const purpose = process.argv[process.argv.indexOf("--for") + 1];
const purposes = { start: ["start"], test: ["start", "test"], bench: ["start", "test", "bench"] }[
  process.argv.includes("--for") ? purpose : "start"
];
if (!purposes) {
  console.error(`setup: --for takes start, test or bench, not '${purpose}'`);
  process.exit(2);
}

installNpmPackages();
buildRawSocket();
await installPrograms();

function installNpmPackages() {
  const lock = readFileSync(`${root}package-lock.json`);
  const stamp = `${root}node_modules/.internode-lock`;
  const wanted = createHash("sha256").update(lock).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  say("installing npm packages (Node 24 among them)");
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ["npm"];
  const { status } = spawnSync(npm[0], [...npm.slice(1), "ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (status !== 0) fail("npm ci failed; the lines above say why");
  if (existsSync(PACKAGED) && spawnSync(PACKAGED, ["--version"]).status !== 0) rmSync(PACKAGED);
  if (newNode() === undefined) fail(NO_NODE);
  writeFileSync(stamp, wanted);
}

/** The one dependency that must compile (net-ping's, for the userspace engine's ICMP). Without it everything else works. */
function buildRawSocket() {
  const folder = `${root}node_modules/raw-socket`;
  if (
    !existsSync(folder) ||
    existsSync(`${folder}/build/Release/raw.node`) ||
    existsSync(`${folder}/.internode-unbuilt`)
  )
    return;
  const headers = `${root}node_modules/node-linux-${process.arch}`;
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ["npm"];
  // Compiled for the Node.js that will load it, by the headers that come with the packaged one.
  const env = { ...process.env, PATH: `${root}node_modules/.bin:${process.env.PATH}` };
  if (existsSync(PACKAGED) && existsSync(headers)) env.npm_config_nodedir = headers;
  const { status } = spawnSync(
    npm[0],
    [...npm.slice(1), "rebuild", "raw-socket", "--ignore-scripts=false", "--loglevel=silent"],
    { cwd: root, env, stdio: "ignore" },
  );
  if (status === 0 && existsSync(`${folder}/build/Release/raw.node`)) return;
  say(
    "raw-socket does not compile here (it wants make, g++ and python3): the userspace engine will have no ICMP, all else works",
  );
  writeFileSync(`${folder}/.internode-unbuilt`, "");
}

async function installPrograms() {
  const packageOf = Object.assign({}, ...purposes.map((purpose) => PROGRAMS[purpose]));
  const missing = missingPrograms(Object.keys(packageOf));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((program) => packageOf[program]))];
  if (canInstall()) say(`installing ${packages.join(", ")}`);
  const refusal = await installPackages(packages);
  const absent = missingPrograms(missing);
  if (absent.length === 0) return;
  say(
    `not here: ${absent.join(", ")} (${refusal ?? "apt-get installed the packages without them"}). What needs them is left out and says so. On Debian or Ubuntu: ${installLine(absent.map((program) => packageOf[program]))}`,
  );
}

function say(text) {
  console.error(`setup: ${text}`);
}

function fail(text) {
  say(text);
  process.exit(1);
}
