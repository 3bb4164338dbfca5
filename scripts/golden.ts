// Writes the golden files anew: the only way they change. Read the diff before you commit it.
import { writeFileSync } from "node:fs";
import { goldenTwoNode } from "../test/support/two-node-mesh.ts";

const file = new URL("../test/metrics/golden/two-node.prom", import.meta.url);
writeFileSync(file, await goldenTwoNode());
console.log("wrote test/metrics/golden/two-node.prom");
