// `npm run cluster:down`: takes clusters down, and proves that nothing is left.
import { readOptions, runCommand } from "../../scripts/command-line.ts";
import { removeCluster } from "./remove.ts";
import { describeResidue, isClean } from "./residue.ts";
import { clusterNames } from "./state.ts";

const HELP = `Takes down what 'npm run cluster:up' brought up: npm run cluster:down [-- OPTIONS]

  --name N    that one (default: all)

Then counts the namespaces, processes, mounts, control groups and files that are left: exit code 1 unless there is none.`;

const values = readOptions("cluster:down", HELP, { name: { type: "string" } });
await runCommand("cluster:down", async () => {
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
});
