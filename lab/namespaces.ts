// Lays a plan into the kernel, and takes it away again.
import { inNamespace, listNamespaces, run } from "./machine.ts";
import {
  dnsScript,
  fabricScript,
  nodeScript,
  podScript,
  routerScript,
  routersOf,
  type NamespaceScript,
  type NetworkOptions,
} from "./network.ts";
import { isOfLab, LAB_PREFIX, type LabPlan } from "./plan.ts";

export async function layNetwork(plan: LabPlan, options: NetworkOptions): Promise<void> {
  const hosts = [
    ...routersOf(plan).map((router) => routerScript(plan, plan.paths!, router)),
    ...(plan.dns ? [dnsScript(plan, plan.dns)] : []),
  ];
  const namespaces = [
    plan.fabric,
    ...hosts.map(({ namespace }) => namespace),
    ...plan.nodes.flatMap((node) => [node.nodeNamespace, node.podNamespace]),
  ];
  await run("ip", ["-batch", "-"], { input: namespaces.map((name) => `netns add ${name}\n`).join("") });
  // Sysctls of all first: a link takes its defaults from the namespace it is born into. Then outside in.
  const fabric = fabricScript(plan, options);
  const nodes = plan.nodes.map((node) => nodeScript(plan, node, options));
  const pods = plan.nodes.map((node) => podScript(plan, node, options));
  await Promise.all([fabric, ...hosts, ...nodes, ...pods].map(setSysctls));
  await lay(fabric);
  await Promise.all(hosts.map(lay));
  await Promise.all(nodes.map(lay));
  await Promise.all(pods.map(lay));
}

async function setSysctls({ namespace, sysctls }: NamespaceScript): Promise<void> {
  const script = Object.entries(sysctls)
    .map(([key, value]) => `echo ${value} > /proc/sys/${key}\n`)
    .join("");
  await inNamespace(namespace, "sh", ["-e"], { input: script });
}

async function lay({ namespace, ip, bridge, nft }: NamespaceScript): Promise<void> {
  await run("ip", ["-n", namespace, "-batch", "-"], { input: `${ip.join("\n")}\n` });
  if (bridge.length > 0) await run("bridge", ["-n", namespace, "-batch", "-"], { input: `${bridge.join("\n")}\n` });
  if (nft !== "") await inNamespace(namespace, "nft", ["-f", "-"], { input: nft });
}

/** Who runs a lab by what is written on its switch; undefined where there is no such thing. */
export async function ownerOf(id: string): Promise<string | undefined> {
  const out = await run("ip", ["-n", `${LAB_PREFIX}${id}-fabric`, "-j", "link", "show", "dev", "switch"]).catch(
    () => "[]",
  );
  const [link] = JSON.parse(out) as { readonly ifalias?: string }[];
  return link?.ifalias;
}

/** Ids of all labs that have a namespace. */
export async function labsInNamespaces(): Promise<string[]> {
  const ids = (await listNamespaces())
    .map((name) => /^inode-([0-9a-f]{6})-/.exec(name)?.[1])
    .filter((id) => id !== undefined);
  return [...new Set(ids)];
}

/**
 * End every process inside a lab's namespaces and delete them; links, rules and routes go with them. By name, so that
 * it also cleans up after a lab that ended half built.
 */
export async function removeNamespaces(id: string): Promise<void> {
  const names = (await listNamespaces()).filter((name) => isOfLab(name, id));
  await Promise.all(names.map(killInside));
  if (names.length > 0)
    await run("ip", ["-batch", "-"], { input: names.map((name) => `netns delete ${name}\n`).join("") });
}

async function killInside(namespace: string): Promise<void> {
  const out = await run("ip", ["netns", "pids", namespace]);
  for (const pid of out.split("\n").map(Number)) {
    if (pid > 1) killQuietly(pid);
  }
}

/** A process that has ended meanwhile is what was wanted. */
function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== "ESRCH") throw err;
  }
}
