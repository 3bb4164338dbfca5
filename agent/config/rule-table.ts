// What options allow by themselves but not together: said once, for the agent (rules.ts) and for the chart, whose
// templates read this table from files/agent.json.
import { PROTOCOLS } from "../probes/protocols.ts";

/** Path of an option. In a cure it stands in braces: the chart puts its own prefix in front. */
export type OptionPath = string;

export type Rule =
  /** Two numbers: `low` is less than `high`. */
  | { readonly kind: "less"; readonly low: OptionPath; readonly high: OptionPath; readonly because: string }
  /** Numbers of which no two are the same. */
  | { readonly kind: "different"; readonly options: readonly OptionPath[]; readonly cure: string }
  /** A list without repetitions. */
  | { readonly kind: "unique"; readonly option: OptionPath }
  /** Lists of which one at least is not empty. */
  | { readonly kind: "some"; readonly options: readonly OptionPath[]; readonly because: string; readonly cure: string }
  /** Where `option` is true, `needs` is true or not empty; a message names `blames` first. */
  | {
      readonly kind: "needs";
      readonly option: OptionPath;
      readonly needs: OptionPath;
      readonly blames: "option" | "needs";
      readonly cure: string;
    }
  /** Nobody asks for `option` where `where` has this value. By default it is simply not there then. */
  | {
      readonly kind: "excluded";
      readonly option: OptionPath;
      readonly where: OptionPath;
      readonly is: string;
      readonly because: string;
      readonly cure: string;
    };

const LISTS = [
  ...PROTOCOLS.map((protocol) => `${protocol}.networks`),
  "families",
  "dns.names",
  "dns.servers",
  "servicePath.hosts",
  "listen",
  "node.podAddresses",
  "node.nodeAddresses",
  "peers.allowRanges",
];

export const RULES: readonly Rule[] = [
  ...[...PROTOCOLS, "dns", "servicePath"].map((probe): Rule => ({
    kind: "less",
    low: `${probe}.timeoutMs`,
    high: `${probe}.intervalMs`,
    because: "a second probe would start before the first has ended",
  })),
  {
    kind: "different",
    options: ["ports.metrics", "ports.probe", "ports.http", "ports.hostView"],
    cure: "Give each its own port.",
  },
  {
    kind: "less",
    low: "peers.sampleSize",
    high: "peers.fullMeshLimit",
    because: "above the limit a node would probe as many as below it",
  },
  ...LISTS.map((option): Rule => ({ kind: "unique", option })),
  {
    kind: "some",
    options: PROTOCOLS.map((protocol) => `${protocol}.networks`),
    because: "no peer would be measured",
    cure: "Name a network for at least one protocol.",
  },
  {
    kind: "needs",
    option: "dns.enabled",
    needs: "dns.names",
    blames: "needs",
    cure: "Name at least one name, or set {dns.enabled} to false.",
  },
  {
    kind: "needs",
    option: "servicePath.apiServer",
    needs: "servicePath.enabled",
    blames: "option",
    cure: "Set {servicePath.enabled} to true, or {servicePath.apiServer} to false.",
  },
  {
    kind: "needs",
    option: "actions.enabled",
    needs: "tokenFile",
    blames: "needs",
    cure: "Name a file with a token in {tokenFile}, or set {actions.enabled} to false.",
  },
  {
    kind: "needs",
    option: "hostView.enabled",
    needs: "tokenFile",
    blames: "needs",
    cure: "Name a file with a token in {tokenFile}, or set {hostView.enabled} to false.",
  },
  {
    kind: "excluded",
    option: "pathMtu.enabled",
    where: "engine",
    is: "userspace",
    because: "the userspace engine cannot forbid fragmentation",
    cure: "Set {engine} to kernel, or leave {pathMtu.enabled} out.",
  },
];
