import { counted } from "../../base/format.ts";
import { items, tableOf, text, type Block, type Report, type Section } from "../report/report.ts";
import type { Cni } from "./cni.ts";
import type { RangeSource } from "./ranges.ts";
import type { Topology } from "./topology.ts";

export function topologyReport(topology: Topology): Report {
  const { nodes, ranges, cnis, seesCni, disagreements, unseen } = topology;
  const zones = new Set(nodes.map(({ zone }) => zone).filter((zone) => zone !== ""));
  const where = zones.size === 0 ? "" : ` in ${counted(zones.size, "zone")}`;
  const cni =
    cnis.length > 0
      ? cnis.map(({ title }) => title).join(" and ")
      : seesCni
        ? "no CNI that is known by sight"
        : "the CNI could not be seen";
  const isBlind = nodes.length === 0;
  const verdict =
    disagreements.length === 0
      ? "nothing disagrees"
      : counted(disagreements.length, "thing disagrees", "things disagree");
  return {
    title: "topology",
    headline: isBlind ? "No node could be seen." : `${counted(nodes.length, "node")}${where}, ${cni}; ${verdict}.`,
    isFault: isBlind || disagreements.length > 0,
    sections: [
      ...(isBlind ? [] : [{ title: "Nodes", blocks: [nodeTable(topology)] }]),
      ...(ranges === undefined
        ? []
        : [
            { title: "Cluster CIDR: addresses of pods", blocks: [rangeTable(ranges.cluster)] },
            { title: "Service CIDR: addresses of Services", blocks: [rangeTable(ranges.service)] },
          ]),
      ...(ranges === undefined ? [] : [cniSection(topology)]),
      ...(isBlind
        ? []
        : [
            {
              title: "What disagrees",
              blocks: [
                disagreements.length === 0
                  ? text("Nothing of what could be seen.")
                  : items(disagreements.map((words) => ({ mark: "broken" as const, text: words }))),
              ],
            },
          ]),
      ...unseenSection(unseen),
    ],
    data: topology,
  };
}

export const unseenSection = (unseen: readonly string[]): Section[] =>
  unseen.length === 0
    ? []
    : [{ title: "Not seen", blocks: [items(unseen.map((words) => ({ mark: "unknown" as const, text: words })))] }];

function nodeTable({ nodes }: Topology): Block {
  const columns: readonly (readonly [string, (node: Topology["nodes"][number]) => string])[] = [
    ["node", ({ name }) => name],
    ["zone", ({ zone }) => zone],
    ["state", ({ ready }) => (ready === undefined ? "" : ready ? "Ready" : "NotReady")],
    ["internal IP", ({ internalIps }) => internalIps.join(", ")],
    ["external IP", ({ externalIps }) => externalIps.join(", ")],
    ["pod CIDRs", ({ podCidrs }) => podCidrs.join(", ")],
    ["pod MTU", ({ passesBytes }) => String(passesBytes.pod ?? "")],
    ["node MTU", ({ passesBytes }) => String(passesBytes.node ?? "")],
    ["kernel", ({ kernel }) => kernel],
    ["agent", ({ hasAgent }) => (hasAgent === undefined ? "" : hasAgent ? "yes" : "no")],
  ];
  // A column that nobody fills tells nothing.
  const told = columns.filter(([head, of]) => head === "node" || nodes.some((node) => of(node) !== ""));
  return tableOf(
    told.map(([head]) => head),
    nodes.map((node) => told.map(([, of]) => of(node))),
  );
}

const rangeTable = (sources: readonly RangeSource[]): Block =>
  tableOf(
    ["range", "from"],
    sources.map(({ cidrs, from, tells, unseen }) => [
      cidrs.length === 0 ? "not seen" : `${tells === "within" ? "contains " : ""}${cidrs.join(", ")}`,
      unseen === undefined ? from : `${from}: ${unseen}`,
    ]),
  );

function cniSection({ cnis, seesCni }: Topology): Section {
  if (cnis.length > 0) return { title: "CNI", blocks: [cniTable(cnis)] };
  const words = seesCni
    ? "None that is known by sight: neither annotations of nodes nor DaemonSets name one."
    : "It could not be seen: see below.";
  return { title: "CNI", blocks: [text(words)] };
}

export const cniTable = (cnis: readonly Cni[]): Block =>
  tableOf(
    ["name", "version", "mode", "backend", "carries by", "encapsulation", "known by"],
    cnis.map((cni) => [
      cni.title,
      cni.version ?? "",
      cni.mode ?? "",
      cni.backend ?? "",
      cni.carries,
      cni.encapsulation === undefined
        ? "unknown"
        : cni.encapsulation === "none"
          ? "none"
          : `${cni.encapsulation}, ${cni.overheadBytes} bytes`,
      cni.seenBy.join("; "),
    ]),
  );
