// `npm run cluster:up [-- --name N --nodes 6 --zones 3 --families ipv4|ipv6|both]`
import { parseArgs } from "node:util";
import { createCluster } from "./cluster.ts";
import type { Families } from "./plan.ts";

const { values } = parseArgs({
  options: {
    name: { type: "string", default: "local" },
    nodes: { type: "string", default: "3" },
    zones: { type: "string", default: "3" },
    families: { type: "string", default: "ipv4" },
  },
});
const cluster = await createCluster({
  name: values.name,
  nodes: Number(values.nodes),
  zones: Number(values.zones),
  families: values.families as Families, // judged by the plan
  log: console.log,
});
console.log(`\nexport KUBECONFIG=${cluster.kubeconfig}`);
console.log(`kubectl get nodes --output wide`);
console.log(`npm run cluster:down -- --name ${values.name}`);
