// `npm run e2e [-- --kubeconfig FILE [--image REPOSITORY:TAG|REPOSITORY@DIGEST]] [NAME…]`: the end-to-end suite, on clusters of its own or on
// one that is there. NAMEs choose files.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { IMAGE, WHY_NOT_FOREIGN } from "./arguments.ts";

const PARTS = ["install", "cli", "registry", "variants", "faults", "actions", "outage", "monitoring"];
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const USAGE = `usage: npm run e2e [-- [--image ARCHIVE] [NAME…]]
       npm run e2e -- --kubeconfig FILE [--image REPOSITORY:TAG|REPOSITORY@DIGEST] [NAME…]

Without --kubeconfig: clusters made on this machine (root, Go; built from source where not cached). --image: what
'npm run image' wrote; without it the image of this checkout is built.
With --kubeconfig: installs into that cluster, in namespaces internode-e2e-*, with the kubectl and helm on the PATH; what
would break the cluster is skipped. --image: what its nodes can pull; without it the chart's own.
NAME: ${PARTS.join(", ")}. Without one: all.`;

const { values, positionals } = options();
if (values.help) {
  process.stdout.write(`${USAGE}\n`);
  process.exit(0);
}
if (values.image !== undefined && values.kubeconfig === undefined && !existsSync(values.image))
  refuse(`there is no image archive '${values.image}': npm run image`);
if (values.kubeconfig !== undefined && !existsSync(values.kubeconfig))
  refuse(`there is no kubeconfig '${values.kubeconfig}'`);
const unknown = positionals.filter((name) => !PARTS.includes(name));
if (unknown.length > 0) refuse(`no such part: ${unknown.join(", ")}`);
if (values.kubeconfig !== undefined && values.image !== undefined && !IMAGE.test(values.image))
  refuse(`'${values.image}' is not repository:tag or repository@sha256:…`);
if (values.kubeconfig !== undefined && positionals.length > 0 && !positionals.includes("install"))
  refuse(`with --kubeconfig only 'install' runs: what breaks things ${WHY_NOT_FOREIGN}`);

const env = {
  ...process.env,
  PATH: `${ROOT}node_modules/.bin:${process.env["PATH"]}:/usr/sbin:/sbin`,
  ...(values.kubeconfig !== undefined && { INTERNODE_E2E_KUBECONFIG: resolve(values.kubeconfig) }),
  ...(values.image !== undefined && {
    INTERNODE_E2E_IMAGE: values.kubeconfig === undefined ? resolve(values.image) : values.image,
  }),
};
const files = positionals.map((name) => `test/e2e/${name}.test.ts`);
const { status } = spawnSync("vitest", ["run", "--project", "e2e", ...files], {
  cwd: ROOT,
  stdio: ["ignore", "inherit", "inherit"],
  env,
});
process.exit(status ?? 1);

function options() {
  try {
    return parseArgs({
      options: { kubeconfig: { type: "string" }, image: { type: "string" }, help: { type: "boolean", short: "h" } },
      allowPositionals: true,
    });
  } catch (err) {
    return refuse((err as Error).message);
  }
}

function refuse(why: string): never {
  process.stderr.write(`e2e: ${why}\n${USAGE}\n`);
  process.exit(2);
}
