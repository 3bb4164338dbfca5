// `npm run cluster:down [-- --name N]`: takes the cluster down, or all of them, and proves that nothing is left.
import { parseArgs } from "node:util";
import { removeCluster } from "./remove.ts";
import { describeResidue, isClean } from "./residue.ts";
import { clusterNames } from "./state.ts";

const { values } = parseArgs({ options: { name: { type: "string" } } });
const names = values.name === undefined ? clusterNames() : [values.name];
if (names.length === 0) console.log("cluster: none is up");
for (const name of names) {
  const started = performance.now();
  const residue = await removeCluster(name);
  console.log(
    `cluster ${name}: down in ${((performance.now() - started) / 1000).toFixed(1)} s; left: ${describeResidue(residue)}`,
  );
  if (!isClean(residue)) process.exitCode = 1;
}
