// The second half of docs/from-the-old-toolkit.md: for each thing of the old toolkit, what stands on the terminal now. The
// outputs are those of the commands' pages, which tests hold to what the commands print.
import { readFileSync } from "node:fs";

interface ToolkitRow {
  /** What people typed, or looked at. */
  readonly old: readonly string[];
  /** Whose page has it, and which of its examples, from 0. */
  readonly command: string;
  readonly example: number;
  /** What to look at. */
  readonly see?: string;
}

export const TOOLKIT_ROWS: readonly ToolkitRow[] = [
  {
    old: ["topology", "create-pods"],
    command: "topology",
    example: 0,
    see: "The column AGENT is what `create-pods` was for: on each node something that can be asked.",
  },
  { old: ["test-connectivity"], command: "matrix", example: 1 },
  { old: ["routes", "ip route"], command: "routes", example: 1 },
  { old: ["ip addr"], command: "interfaces", example: 0 },
  {
    old: ["cni-analysis", "/run/flannel/subnet.env", "an overlay such as VXLAN or GRE?"],
    command: "cni",
    example: 0,
    see: "CARRIES BY tells an overlay from an underlay, and ENCAPSULATION what it costs.",
  },
  {
    old: ["calicoctl node status", "an underlay such as BGP or host-gw?"],
    command: "cni",
    example: 1,
    see: "Of Calico there is a table of its sessions here, as far as CalicoNodeStatus objects tell.",
  },
  { old: ["troubleshoot"], command: "troubleshoot", example: 1 },
  { old: ["cleanup"], command: "cleanup", example: 0 },
  { old: ["all"], command: "all", example: 0 },
  { old: ["ping"], command: "ping", example: 1 },
  { old: ["nc -zv"], command: "connect", example: 0 },
  { old: ["traceroute", "mtr"], command: "trace", example: 1 },
  { old: ["ping -M do -s 1472", "tracepath"], command: "mtu", example: 1 },
  { old: ["iperf3"], command: "throughput", example: 0 },
  { old: ["arp -a", "brctl show", "bridge fdb"], command: "neighbours", example: 1 },
  { old: ["ss -tuln"], command: "sockets", example: 0 },
  { old: ["/proc/net/dev"], command: "counters", example: 0 },
];

const MARK =
  "<!-- What follows is written by `npm run golden` from the pages of the commands. Change scripts/old-toolkit.ts. -->";
const EXAMPLE = /^(\S.*):\n\n```text\n(\$ internode .*\n[^]*?)\n```$/gm;

const pageOf = (command: string): string => readFileSync(new URL(`../docs/cli/${command}.md`, import.meta.url), "utf8");

/** The page as it should be: its first half as it stands, the second by the pages of the commands. */
export function toolkitPage(page: string): string {
  const [own] = page.split(MARK);
  const blocks = TOOLKIT_ROWS.map(({ old, command, example, see }) => {
    const [, of, text] = [...pageOf(command).matchAll(EXAMPLE)][example]!;
    const words = old.map((word) => (word.endsWith("?") ? word : `\`${word}\``)).join(", ");
    const lines = [
      `### ${words}`,
      `[\`internode ${command}\`](cli/${command}.md). ${of}:`,
      `\`\`\`text\n${text}\n\`\`\``,
    ];
    return [...lines, ...(see === undefined ? [] : [see])].join("\n\n");
  });
  return `${own!.trimEnd()}\n\n${MARK}\n\n## What stands on the terminal\n\n${blocks.join("\n\n")}\n`;
}
