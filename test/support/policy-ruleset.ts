// A NetworkPolicy in the words of nftables. Ingress, and selectors of pods within the policy's own namespace: all that
// the chart writes by default; anything else is refused.
export type Selector = { readonly matchLabels: Readonly<Record<string, string>> };

export interface Rule {
  readonly from?: readonly { readonly podSelector?: Selector }[];
  readonly ports?: readonly { readonly port: number; readonly protocol?: "TCP" | "UDP" }[];
}

export interface NetworkPolicy {
  readonly spec: {
    readonly podSelector: Selector;
    readonly policyTypes: readonly string[];
    readonly ingress: readonly Rule[];
  };
}

export const TABLE = "inet internode_e2e_policy";

/** One set of addresses for each selector, the policy's own first (`pods0`), and the rules that use them. */
export function policyRuleset({ podSelector, policyTypes, ingress }: NetworkPolicy["spec"]): {
  readonly selectors: readonly Selector[];
  readonly script: string;
} {
  if (policyTypes.join() !== "Ingress")
    throw new Error(`a policy of types ${policyTypes.join()}: only Ingress can be laid`);
  const selectors = [podSelector];
  const rules: string[] = [];
  for (const { from, ports } of ingress) {
    if (from?.length === 0)
      throw new Error("an empty list of peers, which means everyone, is not what the chart writes");
    for (const peer of from ?? [undefined]) {
      if (peer !== undefined && (peer.podSelector === undefined || Object.keys(peer).length > 1))
        throw new Error(`a peer that is no pod selector alone cannot be laid: ${JSON.stringify(peer)}`);
      const source = peer === undefined ? "" : `ip saddr @pods${selectors.push(peer.podSelector!) - 1} `;
      if (ports === undefined) rules.push(`${source}accept`);
      for (const { port, protocol = "TCP" } of ports ?? [])
        rules.push(`${source}${protocol.toLowerCase()} dport ${port} accept`);
    }
  }
  const script = `table ${TABLE} {
${selectors.map((_, i) => `  set pods${i} { type ipv4_addr; }`).join("\n")}
  chain ingress {
${rules.map((rule) => `    ${rule}`).join("\n")}
    counter drop
  }
  chain forward {
    type filter hook forward priority 0; policy accept;
    ct state established,related accept
    ip daddr @pods0 jump ingress
  }
}
`;
  return { selectors, script };
}
