// What the lab and its DNS server say to each other.

/** Outside the pods' range and beside the nodes: a pod comes here under its node's address, which tells who asks. */
export const DNS_ADDRESS = "10.10.2.53";

export type DnsAnswer =
  { readonly kind: "silent" } | { readonly kind: "servfail" } | { readonly kind: "late"; readonly afterMs: number };

export interface DnsFault {
  readonly id: number;
  /** Addresses of those that it answers so. */
  readonly clients: readonly string[];
  readonly answer: DnsAnswer;
}

export type ToDns =
  | { readonly type: "faults"; readonly request: number; readonly faults: readonly DnsFault[] }
  | { readonly type: "counters"; readonly request: number };
