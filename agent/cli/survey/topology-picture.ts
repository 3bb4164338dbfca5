// A topology as a picture: nodes in their zones, what carries packets between them. Pure.
import { forDot, forHtml } from "../../base/escape.ts";
import type { Topology, TopologyNode } from "./topology.ts";

const byZone = (nodes: readonly TopologyNode[]): [string, TopologyNode[]][] => [
  ...Map.groupBy(nodes, ({ zone }) => zone),
];

function linesOf({ name, internalIps, podCidrs, passesBytes }: TopologyNode): string[] {
  const pods = podCidrs.length === 0 ? [] : [`pods ${podCidrs.join(", ")}`];
  const mtu = passesBytes.pod === undefined ? [] : [`MTU ${passesBytes.pod}`];
  return [name, ...(internalIps.length === 0 ? [] : [internalIps.join(", ")]), ...pods, ...mtu];
}

const cniLine = ({ cnis }: Topology): string =>
  cnis
    .map(({ title, mode, encapsulation }) =>
      [title, mode, encapsulation === "none" ? undefined : encapsulation].filter(Boolean).join(", "),
    )
    .join("; ") || "CNI not known";

/** For Graphviz: `internode topology -o dot | dot -Tpng`. */
export function topologyDot(topology: Topology): string {
  const label = (lines: readonly string[]) => lines.map((line) => forDot(line).slice(1, -1)).join("\\n");
  const clusters = byZone(topology.nodes).map(([zone, nodes], i) => {
    const boxes = nodes.map((node) => `    ${forDot(node.name)} [label="${label(linesOf(node))}"];`);
    return [`  subgraph cluster_${i} {`, `    label=${forDot(zone === "" ? "no zone" : zone)};`, ...boxes, "  }"].join(
      "\n",
    );
  });
  const edges = topology.nodes.map(({ name }) => `  ${forDot(name)} -- cni;`);
  return [
    "graph internode {",
    '  node [shape=box, fontname="sans-serif"]; graph [fontname="sans-serif"];',
    `  cni [shape=ellipse, label=${forDot(cniLine(topology))}];`,
    ...clusters,
    ...edges,
    "}",
  ].join("\n");
}

const [WIDTH, LINE, GAP, COLUMNS] = [230, 17, 14, 4];

export function topologySvg(topology: Topology): string {
  const parts: string[] = [];
  let y = 44;
  let width = WIDTH;
  for (const [zone, nodes] of byZone(topology.nodes)) {
    const columns = Math.min(COLUMNS, nodes.length);
    const high = Math.max(...nodes.map((node) => linesOf(node).length)) * LINE + 12;
    const rows = Math.ceil(nodes.length / columns);
    const zoneWidth = columns * (WIDTH + GAP) + GAP;
    const zoneHigh = rows * (high + GAP) + GAP + 20;
    parts.push(
      `<rect x="10" y="${y}" width="${zoneWidth}" height="${zoneHigh}" rx="6" fill="#f2f5f7" stroke="#9aa7b2"/>`,
      `<text x="22" y="${y + 17}" font-weight="600">${forHtml(zone === "" ? "no zone" : zone)}</text>`,
    );
    for (const [i, node] of nodes.entries()) {
      const x = 10 + GAP + (i % columns) * (WIDTH + GAP);
      const top = y + 26 + Math.floor(i / columns) * (high + GAP);
      const stroke = node.ready === false ? "#a11" : "#176b2c";
      parts.push(`<rect x="${x}" y="${top}" width="${WIDTH}" height="${high}" rx="4" fill="#fff" stroke="${stroke}"/>`);
      for (const [line, words] of linesOf(node).entries())
        parts.push(
          `<text x="${x + 8}" y="${top + 18 + line * LINE}"${line === 0 ? ' font-weight="600"' : ""}>${forHtml(words.length > 34 ? `${words.slice(0, 33)}…` : words)}</text>`,
        );
    }
    width = Math.max(width, zoneWidth);
    y += zoneHigh + GAP;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width + 20} ${y}" width="${width + 20}" height="${y}" font-family="system-ui, sans-serif" font-size="12.5" fill="#14202b" role="img">
<title>${forHtml(`Topology: ${cniLine(topology)}`)}</title>
<text x="10" y="26" font-size="15">${forHtml(`${topology.nodes.length} nodes, ${cniLine(topology)}`)}</text>
${parts.join("\n")}
</svg>`;
}
