// `npm run cluster:up [-- --name N --nodes 6 --zones 3 --dual-stack]`
import { parseArgs } from "node:util";
import { createCluster } from "./cluster.ts";

const { values } = parseArgs({
  options: {
    name: { type: "string", default: "local" },
    nodes: { type: "string", default: "3" },
    zones: { type: "string", default: "3" },
    "dual-stack": { type: "boolean", default: false },
  },
});
const cluster = await createCluster({
  name: values.name,
  nodes: Number(values.nodes),
  zones: Number(values.zones),
  dualStack: values["dual-stack"],
  log: console.log,
});
console.log(`\nexport KUBECONFIG=${cluster.kubeconfig}`);
console.log(`kubectl get nodes --output wide`);
console.log(`npm run cluster:down -- --name ${values.name}`);
