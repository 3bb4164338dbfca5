// Two ways of equal cost between two hosts, as in a data centre: near – edge – left or right – far. The edge chooses by
// addresses and ports (fib_multipath_hash_policy 1). All limits on ICMP errors are the kernel's own. Disposing removes it.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { runToEnd } from "./run-to-end.ts";

export const HOSTS = ["near", "edge", "left", "right", "far"] as const;
export type HostName = (typeof HOSTS)[number];

export interface Paths extends Disposable {
  readonly nearIp: string;
  readonly farIp: string;
  readonly nearIp6: string;
  readonly farIp6: string;
  /** What each router answers with, on the way from near to far. */
  readonly routers: Readonly<Record<"edge" | "left" | "right", { readonly ipv4: string; readonly ipv6: string }>>;
  namespace(host: HostName): string;
  run(host: HostName, ...command: readonly string[]): string;
  start(host: HostName, ...command: readonly string[]): ChildProcess;
  /** Rules of nftables there, instead of those before. */
  nft(host: HostName, rules: string): void;
  /** The kernels of the routers and of far send as many ICMP errors as there is reason to. */
  liftIcmpLimits(): void;
  /** The cable from a router to far carries no larger packets. */
  narrow(router: "left" | "right", mtu: number): void;
}

/** A cable: the two hosts, and the number of its network. */
const CABLES = [
  ["near", "edge", 1],
  ["edge", "left", 2],
  ["edge", "right", 3],
  ["left", "far", 4],
  ["right", "far", 5],
] as const;
const v4 = (net: number, end: number) => `10.97.${net}.${end}`;
const v6 = (net: number, end: number) => `fd97:${net}::${end}`;
/** Far's own address, on its loopback: both cables lead to it. */
const FAR = { ipv4: "10.97.9.1", ipv6: "fd97:9::1" };

export function pathsNetwork(): Paths {
  const id = randomBytes(3).toString("hex");
  const namespace = (host: HostName) => `inpth-${id}-${host}`;
  const children: ChildProcess[] = [];
  const run = (host: HostName, ...command: readonly string[]) =>
    runToEnd(["ip", "netns", "exec", namespace(host), ...command]);
  const dispose = () => {
    process.off("exit", dispose);
    for (const child of children) child.kill("SIGKILL");
    for (const host of HOSTS) spawnSync("ip", ["netns", "del", namespace(host)], { stdio: "ignore" });
  };
  process.on("exit", dispose);
  try {
    for (const host of HOSTS) {
      runToEnd(["ip", "netns", "add", namespace(host)]);
      run(
        host,
        "sysctl",
        "-qw",
        "net.ipv4.ip_forward=1",
        "net.ipv6.conf.all.forwarding=1",
        "net.ipv6.conf.all.accept_dad=0",
        "net.ipv6.conf.default.accept_dad=0",
        "net.ipv4.fib_multipath_hash_policy=1",
        "net.ipv6.fib_multipath_hash_policy=1",
      );
      run(host, "ip", "link", "set", "lo", "up");
    }
    for (const [a, b, net] of CABLES) {
      const names = { a: `to-${b}`, b: `to-${a}` };
      const ends = ["link", "add", names.a, "netns", namespace(a), "type", "veth"];
      runToEnd(["ip", ...ends, "peer", "name", names.b, "netns", namespace(b)]);
      for (const [host, name, end] of [
        [a, names.a, 1],
        [b, names.b, 2],
      ] as const) {
        run(host, "ip", "addr", "add", `${v4(net, end)}/24`, "dev", name);
        run(host, "ip", "addr", "add", `${v6(net, end)}/64`, "dev", name, "nodad");
        run(host, "ip", "link", "set", name, "up");
      }
    }
    run("far", "ip", "addr", "add", `${FAR.ipv4}/32`, "dev", "lo");
    run("far", "ip", "addr", "add", `${FAR.ipv6}/128`, "dev", "lo");
    routes(run);
  } catch (err) {
    dispose();
    throw err;
  }
  return {
    nearIp: v4(1, 1),
    farIp: FAR.ipv4,
    nearIp6: v6(1, 1),
    farIp6: FAR.ipv6,
    routers: {
      edge: { ipv4: v4(1, 2), ipv6: v6(1, 2) },
      left: { ipv4: v4(2, 2), ipv6: v6(2, 2) },
      right: { ipv4: v4(3, 2), ipv6: v6(3, 2) },
    },
    namespace,
    run,
    start(host, ...command) {
      const inside = ["ip", "netns", "exec", namespace(host), ...command];
      const child = spawn("setpriv", ["--pdeathsig", "KILL", ...inside], { stdio: ["pipe", "pipe", "pipe"] });
      children.push(child);
      return child;
    },
    nft: (host, rules) =>
      void runToEnd(["ip", "netns", "exec", namespace(host), "nft", "-f", "-"], `flush ruleset\n${rules}\n`),
    liftIcmpLimits() {
      for (const host of HOSTS) run(host, "sysctl", "-qw", "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0");
    },
    narrow: (router, mtu) => void run(router, "ip", "link", "set", "to-far", "mtu", String(mtu)),
    [Symbol.dispose]: dispose,
  };
}

/** Both ways there by the edge's choice, and back by far's. */
function routes(run: (host: HostName, ...command: readonly string[]) => string): void {
  for (const [flag, far, address, near] of [
    ["-4", `${FAR.ipv4}/32`, v4, v4(1, 0) + "/24"],
    ["-6", `${FAR.ipv6}/128`, v6, v6(1, 0) + "/64"],
  ] as const) {
    const route = (host: HostName, ...words: readonly string[]) => run(host, "ip", flag, "route", "add", ...words);
    const both = (a: string, b: string) => ["nexthop", "via", a, "nexthop", "via", b];
    route("near", "default", "via", address(1, 2));
    route("edge", far, ...both(address(2, 2), address(3, 2)));
    route("left", far, "via", address(4, 2));
    route("right", far, "via", address(5, 2));
    route("left", near, "via", address(2, 1));
    route("right", near, "via", address(3, 1));
    route("far", near, ...both(address(4, 1), address(5, 1)));
  }
}
