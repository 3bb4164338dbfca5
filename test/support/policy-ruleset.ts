// A NetworkPolicy in the words of nftables, both halves: selectors of pods within the policy's own namespace, and IPv4
// ranges. That is all that the chart writes; anything else is refused.
export type Selector = { readonly matchLabels: Readonly<Record<string, string>> };

interface Peer {
  readonly podSelector?: Selector;
  readonly ipBlock?: { readonly cidr: string };
}

export interface Rule {
  readonly from?: readonly Peer[];
  readonly to?: readonly Peer[];
  readonly ports?: readonly { readonly port: number; readonly protocol?: "TCP" | "UDP" }[];
}

export interface NetworkPolicy {
  readonly spec: {
    readonly podSelector: Selector;
    readonly policyTypes: readonly string[];
    readonly ingress: readonly Rule[];
    readonly egress?: readonly Rule[];
  };
}

export const TABLE = "inet internode_e2e_policy";
/** The chains that drop, where both halves are laid. */
export const CHAINS = ["ingress", "egress"] as const;

/** One set of addresses for each selector, the policy's own first (`pods0`), and the rules that use them. */
export function policyRuleset({ podSelector, policyTypes, ingress, egress = [] }: NetworkPolicy["spec"]): {
  readonly selectors: readonly Selector[];
  readonly script: string;
} {
  const types = policyTypes.join();
  if (types !== "Ingress" && types !== "Ingress,Egress") throw new Error(`a policy of types ${types} cannot be laid`);
  const selectors = [podSelector];

  /** Which packets a peer means, by the end of them that is not the policy's pod. */
  const matchOf = (end: "saddr" | "daddr", peer: Peer | undefined): string => {
    if (peer === undefined) return "";
    if (Object.keys(peer).length === 1 && peer.podSelector !== undefined)
      return `ip ${end} @pods${selectors.push(peer.podSelector) - 1} `;
    if (Object.keys(peer).length === 1 && peer.ipBlock !== undefined && Object.keys(peer.ipBlock).length === 1)
      return `ip ${end} ${peer.ipBlock.cidr} `;
    throw new Error(`a peer that is no pod selector or range alone cannot be laid: ${JSON.stringify(peer)}`);
  };
  const rulesOf = (end: "saddr" | "daddr", rules: readonly Rule[], verdict: string): string[] =>
    rules.flatMap((rule) => {
      const peers = end === "saddr" ? rule.from : rule.to;
      if (peers?.length === 0)
        throw new Error("an empty list of peers, which means everyone, is not what the chart writes");
      return (peers ?? [undefined])
        .filter((peer) => peer?.ipBlock?.cidr.includes(":") !== true)
        .flatMap((peer) => {
          const match = matchOf(end, peer);
          if (rule.ports === undefined) return [`${match}${verdict}`];
          return rule.ports.map(
            ({ port, protocol = "TCP" }) => `${match}${protocol.toLowerCase()} dport ${port} ${verdict}`,
          );
        });
    });

  // What may leave one pod must still be let into the other.
  const leaving = rulesOf("daddr", egress, "return");
  const entering = rulesOf("saddr", ingress, "accept");
  const isLimited = policyTypes.includes("Egress");
  const chain = (name: string, rules: readonly string[]) => `  chain ${name} {
${rules.map((rule) => `    ${rule}`).join("\n")}
  }`;
  const script = `table ${TABLE} {
${selectors.map((_, i) => `  set pods${i} { type ipv4_addr; }`).join("\n")}
${chain("ingress", [...entering, "counter drop"])}
${chain("egress", [...leaving, isLimited ? "counter drop" : "counter return"])}
  chain forward {
    type filter hook forward priority 0; policy accept;
    ct state established,related accept
    ip saddr @pods0 jump egress
    ip daddr @pods0 jump ingress
  }
}
`;
  return { selectors, script };
}
