// Writes test/fixtures/nodes: what the kernels of a lab's three nodes tell, as it was laid, and with two faults in it.
// Run as root: node scripts/node.mjs test/host/record-views.ts
import { writeFileSync } from "node:fs";
import { atOnce } from "../../agent/base/slices.ts";
import { Viewer } from "../../agent/host/viewer.ts";
import { RouteTables } from "../../agent/kernel/netlink.ts";
import { createLab } from "../../lab/lab.ts";
import { enterNamespace } from "../support/enter-namespace.ts";

/** Long enough for every agent to have asked every other, so that neighbours are known. */
const SETTLED_MS = 15_000;
const after = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

await using lab = await createLab({ nodes: 3, zones: 3 });
await after(SETTLED_MS);
const record = (file: string) => {
  const views = lab.nodes.map(({ name, zone, nodeNamespace }) => {
    using inside = enterNamespace(nodeNamespace);
    void inside;
    // The machine's own resolver is nothing of the lab's.
    const resolverFile = "/dev/null";
    const openTables = () => new RouteTables();
    const viewer = new Viewer({ node: () => ({ name, zone }), namespace: "host", openTables, resolverFile });
    return atOnce(viewer.steps());
  });
  writeFileSync(new URL(`../fixtures/nodes/${file}.json`, import.meta.url), `${JSON.stringify(views, null, 1)}\n`);
};
record("calm");
await lab.inject("unroute node-1->node-3");
await lab.inject("misdirect node-2->node-1");
await after(2_000);
record("broken");
