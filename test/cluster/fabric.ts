// The wires: one namespace holding a bridge, one cable from it to every machine. The machine we run on sees nothing.
import { run } from "./command.ts";
import { isIPv6, ofFamilies, type ClusterPlan } from "./plan.ts";

const GATEWAYS = { ipv4: "10.100.0.1", ipv6: "fd00:10:100::1" };

export interface Cable {
  /** Of the machine's network namespace, without the cluster's prefix. */
  readonly machine: string;
  readonly addresses: readonly string[];
}

export async function layFabric(plan: ClusterPlan): Promise<void> {
  const fabric = fabricOf(plan);
  await run("ip", ["netns", "add", fabric]);
  await ip(fabric, `link set lo up`);
  await ip(fabric, `link add br0 type bridge`);
  for (const gateway of ofFamilies(plan.families, GATEWAYS)) await addAddress(fabric, gateway, "br0");
  await ip(fabric, `link set br0 up`);
  // Forwarding with nowhere to forward to: what leaves the cluster is told so at once, not swallowed.
  await forward(fabric);
}

/** A new network namespace with eth0 on the bridge. */
export async function plugIn(plan: ClusterPlan, { machine, addresses }: Cable): Promise<void> {
  const fabric = fabricOf(plan);
  const namespace = plan.prefix + machine;
  await run("ip", ["netns", "add", namespace]);
  await ip(fabric, `link add ${machine} type veth peer name eth0 netns ${namespace}`);
  await ip(fabric, `link set ${machine} master br0 up`);
  await ip(namespace, `link set lo up`);
  for (const address of addresses) await addAddress(namespace, address, "eth0");
  await ip(namespace, `link set eth0 up`);
  // As systemd sets it on every node; a new namespace lets nobody open ICMP sockets without CAP_NET_RAW.
  await run("ip", ["netns", "exec", namespace, "sh", "-c", "echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range"]);
  for (const gateway of ofFamilies(plan.families, GATEWAYS))
    await ip(namespace, `${isIPv6(gateway) ? "-6 " : ""}route add default via ${gateway}`);
  await forward(namespace);
}

export async function setLink(plan: ClusterPlan, machine: string, state: "up" | "down"): Promise<void> {
  await ip(fabricOf(plan), `link set ${machine} ${state}`);
}

/** Takes the namespace's name away; it is gone when its last process is. */
export async function plugOut(plan: ClusterPlan, machine: string): Promise<void> {
  await ip(fabricOf(plan), `link del ${machine}`);
  await run("ip", ["netns", "del", plan.prefix + machine]);
}

export async function removeFabric({ prefix }: Pick<ClusterPlan, "prefix">): Promise<void> {
  for (const name of await namespaceNames(prefix)) await run("ip", ["netns", "del", name]);
}

export async function namespaceNames(prefix: string): Promise<readonly string[]> {
  const lines = (await run("ip", ["netns", "list"])).split("\n");
  return lines.map((line) => line.split(" ")[0]!).filter((name) => name.startsWith(prefix));
}

function fabricOf(plan: ClusterPlan): string {
  return `${plan.prefix}fabric`;
}

function addAddress(namespace: string, address: string, device: string): Promise<void> {
  return ip(
    namespace,
    `addr add ${address}${isIPv6(address) ? "/64" : "/24"} dev ${device}${isIPv6(address) ? " nodad" : ""}`,
  );
}

async function ip(namespace: string, words: string): Promise<void> {
  await run("ip", ["-n", namespace, ...words.split(" ")]);
}

async function forward(namespace: string): Promise<void> {
  const script = "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding";
  await run("ip", ["netns", "exec", namespace, "sh", "-c", script]);
}
