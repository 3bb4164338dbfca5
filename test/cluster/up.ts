// `npm run cluster:up`: a cluster that stays until it is taken down.
import { existsSync } from "node:fs";
import { readOptions, runCommand } from "../../scripts/command-line.ts";
import { createCluster } from "./cluster.ts";
import { CNIS, FAMILIES, POLICIES, type Cni, type Families, type Policy } from "./plan.ts";

const HELP = `Brings up a real Kubernetes on this machine, without Docker: npm run cluster:up [-- OPTIONS]

  --name N         its name: several can be up at a time (default local)
  --nodes N        default 3
  --zones N        default 3
  --families F     of nodes, pods and services: ${FAMILIES.join(", ")} (default ipv4)
  --cni NAME       who lays the pod network: ${CNIS.join(", ")} (default scripts: our own, as
                   Flannel does it, and the quickest)
  --policy NAME    who enforces NetworkPolicy: ${POLICIES.join(", ")} (default none)
  --image FILE     imports an OCI archive into every node, such as 'npm run image' writes

Needs root and Go. What is not built yet is built first, from source: about 12 minutes, Flannel 2 more and kube-router
4 more. Down again: npm run cluster:down [-- --name N]`;

const values = readOptions("cluster:up", HELP, {
  name: { type: "string", default: "local" },
  nodes: { type: "string", default: "3" },
  zones: { type: "string", default: "3" },
  families: { type: "string", default: "ipv4" },
  cni: { type: "string", default: "scripts" },
  policy: { type: "string", default: "none" },
  image: { type: "string" },
});
await runCommand("cluster:up", async () => {
  const { name, image } = values;
  if (image !== undefined && !existsSync(image)) throw new RangeError(`there is no archive '${image}': npm run image`);
  const cluster = await createCluster({
    name,
    nodes: Number(values.nodes),
    zones: Number(values.zones),
    // Judged by the plan.
    families: values.families as Families,
    cni: values.cni as Cni,
    policy: values.policy as Policy,
    log: console.log,
  });
  if (image !== undefined) await cluster.importImage(image);
  console.log(`\nexport KUBECONFIG=${cluster.kubeconfig}`);
  console.log(`kubectl get nodes --output wide`);
  console.log(`npm run cluster:down -- --name ${name}`);
});
