// Every tunnel that a CNI lays, by the kernel itself: its MTU is the path's, and what it adds to a packet is what the
// command line says of it (OVERHEAD_BYTES).
import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { OVERHEAD_BYTES, type Encapsulation } from "../../../agent/cli/survey/cni-table.ts";
import { vethPair, type VethPair } from "../../support/veth.ts";
import { pathMtu } from "./path-mtu.ts";

const UNDERLAY_MTU = 1_500;
/** What a narrow hop of the underlay lets through, and drops silently what is larger. */
const NARROW_BYTES = 1_400;
const POD = { near: "10.97.0.1", far: "10.97.0.2" } as const;

interface Tunnel {
  readonly encapsulation: Encapsulation;
  /** As `ip link add` has it: the type and its options. */
  link(local: string, remote: string): readonly string[];
  /** WireGuard pads what it encrypts (whitepaper 5.4.6), up to the MTU of its device. */
  readonly padsTo?: number;
}

const TUNNELS: Readonly<Record<string, Tunnel>> = {
  vxlan: {
    encapsulation: "vxlan",
    link: (local, remote) => ["vxlan", "id", "1", "local", local, "remote", remote, "dstport", "8472"],
  },
  geneve: { encapsulation: "geneve", link: (_local, remote) => ["geneve", "id", "1", "remote", remote] },
  ipip: { encapsulation: "ipip", link: (local, remote) => ["ipip", "local", local, "remote", remote] },
  gre: { encapsulation: "gre", link: (local, remote) => ["gretap", "local", local, "remote", remote, "key", "1"] },
  wireguard: { encapsulation: "wireguard", link: () => ["wireguard"], padsTo: 16 },
};

describe.each(Object.entries(TUNNELS))("%s as the pod network", (_name, { encapsulation, link, padsTo = 1 }) => {
  const overhead = OVERHEAD_BYTES[encapsulation];
  const mtu = UNDERLAY_MTU - overhead;
  let pair: VethPair;
  beforeEach(() => {
    pair = vethPair();
    for (const side of ["near", "far"] as const) {
      const [local, remote] = side === "near" ? [pair.nearIp, pair.farIp] : [pair.farIp, pair.nearIp];
      pair.run(pair[side], "ip", "link", "add", "pods", "mtu", String(mtu), "type", ...link(local, remote));
    }
    if (encapsulation === "wireguard") exchangeKeys(pair);
    for (const side of ["near", "far"] as const) {
      pair.run(pair[side], "ip", "addr", "add", `${POD[side]}/24`, "dev", "pods");
      pair.run(pair[side], "ip", "link", "set", "pods", "up");
    }
    // The handshake of WireGuard and the neighbours of the others come before what is judged.
    pair.run(pair.near, "ping", "-c", "1", "-W", "10", POD.far);
  });
  afterEach(() => pair[Symbol.dispose]());

  const measured = () => pathMtu({ from: pair.near, to: { namespace: pair.far, address: POD.far } });

  test("carries all that its device promises, and the underlay not a byte more", async () => {
    expect(await measured()).toEqual({ passesBytes: mtu, shortfallBytes: 0 });
    pair.nft(
      pair.far,
      `table ip counts {\n counter larger { }\n counter full { }\n chain c {\n type filter hook prerouting priority -500;\n ip length > ${UNDERLAY_MTU} counter name larger\n ip length ${UNDERLAY_MTU} counter name full\n ip frag-off & 0x3fff != 0 counter name larger\n }\n}\n`,
    );
    // An ICMP echo that fills the device exactly: 20 bytes of IP and 8 of ICMP.
    pair.run(pair.near, "ping", "-M", "do", "-c", "1", "-W", "10", "-s", String(mtu - 28), POD.far);
    const counted = (name: string) =>
      Number(/packets (\d+)/.exec(pair.run(pair.far, "nft", "list", "counter", "ip", "counts", name))?.[1]);
    expect({ full: counted("full"), larger: counted("larger") }).toEqual({ full: 1, larger: 0 });
  });

  test("is a black hole behind a hop that silently drops what is larger, by exactly what is missing", async () => {
    pair.nft(
      pair.far,
      `table ip narrow {\n chain c {\n type filter hook prerouting priority -500;\n ip length > ${NARROW_BYTES} drop\n }\n}\n`,
    );
    const passes = Math.floor((NARROW_BYTES - overhead) / padsTo) * padsTo;
    expect(await measured()).toEqual({ passesBytes: passes, shortfallBytes: mtu - passes });
  });
});

/** Each side gets a key of its own and knows the other's; everything may come through. */
function exchangeKeys(pair: VethPair): void {
  const sides = [
    { own: pair.near, other: pair.far, endpoint: pair.farIp },
    { own: pair.far, other: pair.near, endpoint: pair.nearIp },
  ];
  const privateKeys = new Map(sides.map(({ own }) => [own, randomBytes(32).toString("base64")]));
  const wg = (namespace: string, script: string) => pair.run(namespace, "sh", "-ec", script).trim();
  for (const { own } of sides)
    wg(
      own,
      `printf %s '${privateKeys.get(own)}' > /tmp/${own}.key; wg set pods private-key /tmp/${own}.key listen-port 51820`,
    );
  for (const { own, other, endpoint } of sides) {
    const publicKey = wg(other, "wg show pods public-key");
    wg(own, `wg set pods peer '${publicKey}' endpoint ${endpoint}:51820 allowed-ips 0.0.0.0/0; rm /tmp/${own}.key`);
  }
}
