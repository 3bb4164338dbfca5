// Writes what a CNI's cluster looks like from outside into test/fixtures/cni/NAME: for tests of what reads such objects.
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readOptions, runCommand } from "../../scripts/command-line.ts";
import { daemonsOf } from "./cni.ts";
import { openCluster, type Cluster } from "./cluster.ts";
import type { ClusterNode } from "./node.ts";

const FIXTURES = fileURLToPath(new URL("../fixtures/cni", import.meta.url));
/** Numbers of this machine, and what no reader of a CNI's objects looks at. */
const NOISE = new Set(["managedFields", "bootID", "machineID", "systemUUID", "images", "last-applied-configuration"]);

const HELP = `Records the objects, routes and logs of a cluster's CNI: node scripts/node.mjs test/cluster/record.ts --name N --as NAME

  --name N     the cluster, as given to 'npm run cluster:up'
  --as NAME    the folder in test/fixtures/cni it is written to, instead of what is there`;

const values = readOptions("record", HELP, { name: { type: "string" }, as: { type: "string" } });
await runCommand("record", async () => {
  if (values.name === undefined || values.as === undefined) throw new RangeError(`wants --name and --as\n\n${HELP}`);
  const cluster = openCluster(values.name);
  const folder = join(FIXTURES, values.as);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await recordObjects(cluster, folder);
  await recordLogs(cluster, folder);
  for (const node of cluster.nodes) await recordNode(node, join(folder, node.name));
  console.log(`record: ${folder}`);
});

async function recordObjects(cluster: Cluster, folder: string): Promise<void> {
  for (const kind of ["nodes", "daemonsets", "configmaps", "pods", "namespaces", "networkpolicies"]) {
    // The authority's certificate, which every namespace has, is another one in every cluster.
    const asked = ["get", kind, "--all-namespaces", "--field-selector=metadata.name!=kube-root-ca.crt"];
    const list: unknown = JSON.parse(await cluster.kubectl([...asked, "--output=json"]));
    await writeJson(join(folder, `${kind}.json`), withoutNoise(list));
  }
}

async function recordLogs(cluster: Cluster, folder: string): Promise<void> {
  for (const { namespace, name } of daemonsOf(cluster.plan)) {
    for (const node of cluster.nodes) {
      const pods = ["pods", "--namespace", namespace, `--field-selector=spec.nodeName=${node.name}`];
      const found = (await cluster.kubectl(["get", ...pods, "--output=name"])).split("\n");
      const pod = found.find((line) => line.startsWith(`pod/${name}-`));
      if (pod === undefined) continue;
      const log = await cluster.kubectl(["--namespace", namespace, "logs", pod, "--tail=60"]);
      await mkdir(join(folder, node.name), { recursive: true });
      await writeFile(join(folder, node.name, `${name}.log`), log);
    }
  }
}

/** What iproute2 and the files of the CNI say on the node itself. */
async function recordNode(node: ClusterNode, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const tables = {
    link: ["ip", "-json", "-details", "link"],
    address: ["ip", "-json", "address"],
    route: ["ip", "-json", "route", "show", "table", "all"],
    route6: ["ip", "-6", "-json", "route", "show", "table", "all"],
    rule: ["ip", "-json", "rule"],
    neighbour: ["ip", "-json", "neighbour"],
    fdb: ["bridge", "-json", "fdb"],
  };
  for (const [table, argv] of Object.entries(tables)) {
    const said = await node.run(argv);
    await writeJson(join(folder, `${table}.json`), said.trim() === "" ? [] : JSON.parse(said));
  }
  await writeFile(join(folder, "nft.txt"), await node.run(["nft", "list", "ruleset"]));
  const files = await node.run(["sh", "-c", "cat /run/flannel/subnet.env 2>/dev/null || true"]);
  if (files !== "") await writeFile(join(folder, "subnet.env"), files);
  await writeFile(join(folder, "cni.conflist"), await node.run(["sh", "-c", "cat /var/lib/cni/net.d/*"]));
}

function withoutNoise(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNoise);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => (NOISE.has(key) ? [] : [[key, withoutNoise(inner)]])),
  );
}

async function writeJson(file: string, value: unknown): Promise<void> {
  await writeFile(file, `${JSON.stringify(value, null, 1)}\n`);
}
