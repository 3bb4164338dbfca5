// Three network namespaces in a row, the middle one a router between two cables: a path whose directions can fail
// on their own, with a hop that can be narrower than its ends. Disposing removes all of it.
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { runToEnd } from "./run-to-end.ts";

export interface RoutedNetwork extends Disposable {
  readonly near: string;
  readonly middle: string;
  readonly far: string;
  readonly nearIp: string;
  readonly farIp: string;
  readonly nearIp6: string;
  readonly farIp6: string;
  /** The router drops one in so many UDP packets of this direction, at random, and counts them. */
  loseOneIn(loss: { readonly packets: number; readonly direction: "forward" | "reverse"; readonly port: number }): void;
  /** What it has dropped since. */
  dropped(direction: "forward" | "reverse"): number;
  /** The cable behind the router gets narrower; `silent`: and the router does not say so. */
  narrow(hop: { readonly mtu: number; readonly silent: boolean }): void;
  /** A policy rejects what goes to the far side: on the router, or on the far side itself. */
  reject(where: "middle" | "far"): void;
  /** Back to a network without faults, nothing learnt. */
  mend(): void;
}

export function routedNetwork(): RoutedNetwork {
  const id = randomBytes(3).toString("hex");
  const [near, middle, far] = [`inrtd-${id}-a`, `inrtd-${id}-r`, `inrtd-${id}-b`] as const;
  const inside = (namespace: string, ...command: readonly string[]) =>
    runToEnd(["ip", "netns", "exec", namespace, ...command]);
  const nft = (namespace: string, script: string) =>
    void runToEnd(["ip", "netns", "exec", namespace, "nft", "-f", "-"], script);
  const dispose = () => {
    for (const namespace of [near, middle, far]) spawnSync("ip", ["netns", "del", namespace], { stdio: "ignore" });
  };
  const cable = (a: string, b: string, net: number) => {
    runToEnd(["ip", "link", "add", `to${net}`, "netns", a, "type", "veth", "peer", "name", `to${net}`, "netns", b]);
    for (const [namespace, host] of [
      [a, 1],
      [b, 2],
    ] as const) {
      inside(namespace, "sysctl", "-qw", `net.ipv6.conf.to${net}.accept_dad=0`);
      inside(namespace, "ip", "addr", "add", `10.98.${net}.${host}/24`, "dev", `to${net}`);
      inside(namespace, "ip", "addr", "add", `fd98:${net}::${host}/64`, "dev", `to${net}`, "nodad");
      inside(namespace, "ip", "link", "set", `to${net}`, "up");
    }
  };
  try {
    for (const namespace of [near, middle, far]) {
      runToEnd(["ip", "netns", "add", namespace]);
      inside(namespace, "ip", "link", "set", "lo", "up");
    }
    cable(near, middle, 1);
    cable(middle, far, 2);
    inside(
      middle,
      "sysctl",
      "-qw",
      "net.ipv4.ip_forward=1",
      "net.ipv6.conf.all.forwarding=1",
      "net.ipv4.icmp_ratelimit=0",
      "net.ipv6.icmp.ratelimit=0",
    );
    inside(far, "sysctl", "-qw", "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0");
    for (const [namespace, net, gateway] of [
      [near, 2, "1.2"],
      [far, 1, "2.1"],
    ] as const) {
      const [cableNet, host] = gateway.split(".");
      inside(namespace, "ip", "route", "add", `10.98.${net}.0/24`, "via", `10.98.${gateway}`);
      inside(namespace, "ip", "-6", "route", "add", `fd98:${net}::/64`, "via", `fd98:${cableNet}::${host}`);
    }
  } catch (err) {
    dispose();
    throw err;
  }
  return {
    near,
    middle,
    far,
    nearIp: "10.98.1.1",
    farIp: "10.98.2.2",
    nearIp6: "fd98:1::1",
    farIp6: "fd98:2::2",
    loseOneIn({ packets, direction, port }) {
      const match = `iifname to${direction === "forward" ? 1 : 2} udp ${direction === "forward" ? "dport" : "sport"} ${port}`;
      nft(
        middle,
        `flush ruleset\ntable inet faults {\n counter ${direction} { }\n chain c {\n type filter hook forward priority 0;\n ${match} numgen random mod ${packets} == 0 counter name ${direction} drop\n }\n}\n`,
      );
    },
    dropped: (direction) =>
      Number(/packets (\d+)/.exec(inside(middle, "nft", "list", "counter", "inet", "faults", direction))?.[1]),
    narrow({ mtu, silent }) {
      inside(middle, "ip", "link", "set", "to2", "mtu", String(mtu));
      if (silent)
        nft(
          middle,
          "flush ruleset\ntable inet faults {\n chain c {\n type filter hook output priority 0;\n icmp type destination-unreachable drop\n icmpv6 type packet-too-big drop\n }\n}\n",
        );
    },
    reject(where) {
      const [namespace, hook] = where === "middle" ? [middle, "forward"] : [far, "input"];
      const table = (family: string, rules: readonly string[]) =>
        `table ${family} rejects {\n chain c {\n type filter hook ${hook} priority 0;\n ${rules.join("\n ")}\n }\n}\n`;
      nft(
        namespace,
        table("ip", ["ip daddr 10.98.2.2 reject with icmp type port-unreachable"]) +
          table("ip6", [
            "ip6 daddr fd98:2::2 meta l4proto { tcp, udp } reject with icmpv6 type port-unreachable",
            "ip6 daddr fd98:2::2 icmpv6 type echo-request reject with icmpv6 type port-unreachable",
          ]),
      );
    },
    mend() {
      nft(middle, "flush ruleset\n");
      nft(far, "flush ruleset\n");
      inside(middle, "ip", "link", "set", "to2", "mtu", "1500");
      for (const flag of ["-4", "-6"]) inside(near, "ip", flag, "route", "flush", "cache");
    },
    [Symbol.dispose]: dispose,
  };
}
