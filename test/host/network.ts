// A network namespace with one of everything that netlink tells, and what iproute2 says of it.
import { randomBytes } from "node:crypto";
import { execFileSync, spawnSync } from "node:child_process";

export interface MadeNetwork extends Disposable {
  readonly namespace: string;
  /** `ip -j ARGUMENTS`, or `bridge`, inside of it. */
  json(program: "ip" | "bridge", ...args: readonly string[]): readonly Readonly<Record<string, unknown>>[];
}

const LINES = [
  "link set lo up",
  "link add eth0 mtu 1400 address 02:00:00:00:00:01 type veth peer name far0 address 02:00:00:00:00:02",
  "address add 10.1.0.1/24 dev eth0",
  "address add fd00:1::1/64 dev eth0 nodad",
  "link set eth0 up",
  "link set far0 up",
  "link add cni0 address 02:00:00:00:00:03 type bridge",
  "address add 10.244.1.1/24 dev cni0",
  "link set cni0 up",
  "link add pod0 mtu 1450 address 02:00:00:00:00:04 type veth peer name pod1 address 02:00:00:00:00:05",
  "link set pod0 master cni0 up",
  "link add vxlan0 mtu 1450 address 02:00:00:00:00:06 type vxlan id 7 dstport 8472 local 10.1.0.1 dev eth0 nolearning",
  "address add 10.244.1.0/32 dev vxlan0",
  "link set vxlan0 up",
  "route add default via 10.1.0.254",
  "route add 10.244.2.0/24 via 10.244.2.0 dev vxlan0 onlink",
  "route add 10.9.0.0/16 metric 50 mtu 1300 src 10.1.0.1 nexthop via 10.1.0.2 weight 3 nexthop via 10.1.0.3",
  "route add blackhole 10.66.0.0/16 proto bird",
  "route add 10.7.0.0/16 via 10.1.0.9 table 100 proto 17",
  "route add fd00:9::/48 via fd00:1::2 dev eth0",
  "route add 10.8.0.0/16 via inet6 fd00:1::2 dev eth0",
  "rule add from 10.3.0.0/16 to 10.4.0.0/16 table 100 priority 100",
  "rule add fwmark 0x10/0xf0 iif eth0 lookup main suppress_prefixlength 0 priority 200",
  "rule add not oif cni0 prohibit priority 300",
  "neighbour add 10.1.0.2 lladdr 02:00:00:00:00:22 dev eth0 nud permanent",
  "neighbour add 10.244.2.0 lladdr 02:00:00:00:00:33 dev vxlan0 nud permanent",
  "neighbour add fd00:1::2 lladdr 02:00:00:00:00:22 dev eth0 nud permanent",
];
const FORWARDING = [
  "fdb add 02:00:00:00:00:33 dev vxlan0 dst 10.1.0.2",
  "fdb add 02:00:00:00:00:44 dev pod0 master static",
];

/** Needs the right to make network namespaces. */
export function madeNetwork(): MadeNetwork {
  const namespace = `inhost-${randomBytes(3).toString("hex")}`;
  const dispose = () => {
    process.off("exit", dispose);
    spawnSync("ip", ["netns", "del", namespace], { stdio: "ignore" });
  };
  process.on("exit", dispose);
  const inside = (program: string, args: readonly string[], input = "") =>
    execFileSync("ip", ["netns", "exec", namespace, program, ...args], { input, encoding: "utf8" });
  execFileSync("ip", ["netns", "add", namespace]);
  try {
    inside("ip", ["-batch", "-"], LINES.join("\n"));
    inside("ip", ["-6", "rule", "add", "from", "fd00:3::/48", "table", "100", "priority", "100"]);
    inside("bridge", ["-batch", "-"], FORWARDING.join("\n"));
  } catch (err) {
    dispose();
    throw err;
  }
  return {
    namespace,
    json: (program, ...args) => JSON.parse(inside(program, ["-j", ...args])) as Record<string, unknown>[],
    [Symbol.dispose]: dispose,
  };
}

/** What iproute2 says, command by command. */
export const COMMANDS = {
  links: ["ip", "-d", "link", "show"],
  addresses: ["ip", "address", "show"],
  routes: ["ip", "-N", "-4", "route", "show", "table", "all"],
  routes6: ["ip", "-N", "-6", "route", "show", "table", "all"],
  rules: ["ip", "rule", "show"],
  rules6: ["ip", "-6", "rule", "show"],
  neighbours: ["ip", "neighbour", "show"],
  forwarding: ["bridge", "fdb", "show"],
} as const;
export type Told = Readonly<Record<keyof typeof COMMANDS, readonly Readonly<Record<string, unknown>>[]>>;

export const toldBy = (network: MadeNetwork): Told =>
  Object.fromEntries(
    Object.entries(COMMANDS).map(([name, [program, ...args]]) => [name, network.json(program, ...args)]),
  ) as unknown as Told;
