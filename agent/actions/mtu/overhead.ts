// What a pod network's tunnel takes of every packet, by what its size says. Pure.
import type { IpFamily } from "../../model/peer.ts";

interface Tunnel {
  readonly bytes: number;
  readonly name: string;
  readonly parts: string;
}

/** By the family that the nodes speak to each other. RFC 7348, 8926, 2003, 2784; wireguard.com/papers/wireguard.pdf. */
const TUNNELS: Readonly<Record<IpFamily, readonly Tunnel[]>> = {
  ipv4: [
    { bytes: 20, name: "IP in IP", parts: "20 IPv4" },
    { bytes: 24, name: "GRE", parts: "20 IPv4 + 4 GRE" },
    { bytes: 50, name: "VXLAN or Geneve", parts: "20 IPv4 + 8 UDP + 8 header + 14 Ethernet" },
    { bytes: 60, name: "WireGuard", parts: "20 IPv4 + 8 UDP + 32 header and tag" },
    { bytes: 80, name: "WireGuard, with room for IPv6", parts: "40 IPv6 + 8 UDP + 32 header and tag" },
  ],
  ipv6: [
    { bytes: 40, name: "IP in IPv6", parts: "40 IPv6" },
    { bytes: 70, name: "VXLAN or Geneve", parts: "40 IPv6 + 8 UDP + 8 header + 14 Ethernet" },
    { bytes: 80, name: "WireGuard", parts: "40 IPv6 + 8 UDP + 32 header and tag" },
  ],
};

/** What links carry, as nearly all are set up. */
const USUAL_LINKS = [1_500, 9_000] as const;

export interface PodPath {
  /** Largest packets that pass, one way. */
  readonly podBytes: number;
  /** The same on the node network, where that is known. */
  readonly nodeBytes: number | undefined;
  readonly nodeFamily: IpFamily;
  /** Larger ones vanish without a word. */
  readonly isBlackHole: boolean;
}

/** Undefined where the sizes say nothing. */
export function explainOverhead({ podBytes, nodeBytes, nodeFamily, isBlackHole }: PodPath): string | undefined {
  // A pod sends by the same interface on both networks: only what passes beside the tunnel and is larger tells its share.
  const isTold = nodeBytes !== undefined && nodeBytes > podBytes;
  const linkBytes = isTold ? nodeBytes : USUAL_LINKS.find((bytes) => bytes >= podBytes);
  if (linkBytes === undefined) return undefined;
  const overhead = linkBytes - podBytes;
  const link = isTold ? `the ${size(linkBytes)} of the node network` : `the usual ${size(linkBytes)} of a link`;
  if (overhead === 0)
    return `Packets of the pod network are as large as ${link}: no tunnel takes anything of them, or the nodes' links carry more.`;
  const difference = `The ${size(podBytes)} of the pod network are ${overhead} fewer than ${link}`;
  const exact = TUNNELS[nodeFamily].find(({ bytes }) => bytes === overhead);
  if (exact && isBlackHole)
    return `${difference}, which is what ${exact.name} takes (${exact.parts}): pods are set up as if there was no tunnel. Set the CNI's MTU to ${podBytes}.`;
  if (exact) return `${difference}, which is what ${exact.name} takes (${exact.parts}).`;
  if (isBlackHole) return undefined;
  const fitting = TUNNELS[nodeFamily].findLast(({ bytes }) => bytes < overhead);
  return fitting === undefined
    ? `${difference}; no tunnel takes as little.`
    : `${difference}. No tunnel known here takes exactly that: with ${fitting.name} (${fitting.bytes}) ${overhead - fitting.bytes} bytes of every packet go unused, so the CNI's MTU may be lower than it need be.`;
}

const size = (bytes: number): string => `${bytes.toLocaleString("en")} bytes`;
