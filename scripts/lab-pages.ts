// Pages of commands that send packets on demand. Their output is of a lab: three nodes of network namespaces with real
// agents, a leaf and four equal paths between them. `node scripts/node.mjs scripts/record-lab-pages.ts` writes it.
import { commandPage, withOutputs } from "./command-page.ts";

export interface LabExample {
  /** In a sentence, with a colon at its end. */
  readonly of: string;
  readonly words: readonly string[];
  /** By the lab's grammar; cleared afterwards. */
  readonly faults?: readonly string[];
}

export interface LabPagePlan {
  readonly command: string;
  /** Markdown below the help. */
  readonly more?: string;
  /** Agents answer at the addresses of nodes too. */
  readonly hostPorts?: true;
  readonly examples: readonly LabExample[];
}

const CALM = "Three nodes behind a leaf and four equal paths, nothing wrong:";

export const LAB_PAGES: readonly LabPagePlan[] = [
  {
    command: "trace",
    more: `Delays are of the kernel's stamps, both ways. That of the last line has the time taken out which the packet spent at the
agent there; the agent knows when its answer really left only afterwards, so that line is true to some tens of microseconds.
\`internode matrix\` has the exact figure.

The ports are the run's own. Those of the agents' schedule stay untouched, because an error that comes back for a probe makes
the next packet of the same socket fail: a trace must not cost the schedule a probe.`,
    examples: [
      { of: CALM, words: ["trace", "node-1", "node-2", "--one-way"] },
      {
        of: "One of the four paths drops everything from node-1 to node-2:",
        words: ["trace", "node-1", "node-2", "--network", "node"],
        faults: ["drop node-1->node-2 via path-2"],
      },
    ],
  },
  {
    command: "throughput",
    hostPorts: true,
    examples: [
      {
        of: "Both networks, no faster than 50 Mbit/s:",
        words: ["throughput", "node-1", "node-2", "--rate", "50", "-t", "3", "--yes"],
      },
      {
        of: "UDP, while 3 of 100 packets from node-1 to node-2 are lost:",
        words: ["throughput", "node-1", "node-2", "--protocol", "udp", "--rate", "20", "-t", "3", "--yes"],
        faults: ["loss node-1->node-2 3%"],
      },
    ],
  },
  {
    command: "mtu",
    examples: [
      { of: CALM, words: ["mtu", "node-1", "node-2"] },
      {
        of: "Packets above 1,300 bytes of the pod network vanish on the way from node-1 to node-2:",
        words: ["mtu", "node-1", "node-2"],
        faults: ["mtu node-1->node-2 1300"],
      },
    ],
  },
];

const ORIGIN = "Written by scripts/record-lab-pages.ts and `npm run golden`. Change those, or the command, not this.";

export const labPage = ({ command, more, examples }: LabPagePlan, outputs: readonly string[]): Promise<string> =>
  commandPage({ command, more, origin: ORIGIN, examples: withOutputs(examples, outputs) });
