// What the agent claims of kernels, by the tests that show it.
import type { FileResult } from "./console.ts";

export interface Claim {
  /** Whose. */
  readonly engine: "kernel" | "userspace" | "both" | "lab";
  readonly claim: string;
  /** The test file's name without folder and ending. */
  readonly file: string;
  /** Of its tests only those whose full name matches. */
  readonly tests?: RegExp;
}

const contractOf = (protocol: string, engine: "kernel" | "userspace"): Claim => ({
  engine,
  claim: `the contract of a protocol's probes: ${protocol.toUpperCase()}`,
  file: "contract",
  tests: new RegExp(`the contract of ${protocol}, ${engine} engine`),
});

const judgedByNetem = (fault: string, netem: string): Claim => ({
  engine: "lab",
  claim: `the lab's \`${fault}\` does what netem's ${fault === netem ? "" : `\`${netem}\` `}does`,
  file: "netem",
  tests: new RegExp(`> ${netem}$`),
});

export const CLAIMS: readonly Claim[] = [
  ...["icmp", "tcp", "udp"].map((protocol) => contractOf(protocol, "kernel")),
  {
    engine: "kernel",
    claim: "the table from kernel event to outcome",
    file: "outcome-table",
    tests: /^(?!.*userspace engine)/,
  },
  { engine: "kernel", claim: "ICMP round trips are those of a packet capture", file: "icmp-capture" },
  {
    engine: "kernel",
    claim: "the same as a share of a round trip of 20 ms: half within 2 %, 95 of 100 within 10 %",
    file: "capture",
  },
  {
    engine: "kernel",
    claim: "UDP round trips are those of a packet capture, residence taken out",
    file: "udp-capture",
  },
  {
    engine: "kernel",
    claim: "UDP loss by direction is what nftables dropped",
    file: "udp-network",
    tests: /^UDP probes/,
  },
  { engine: "kernel", claim: "path MTU: right, and black holes told", file: "udp-network", tests: /^path MTU/ },
  {
    engine: "kernel",
    claim: "ICMP by a raw socket where `ping_group_range` lets nobody",
    file: "raw-icmp",
  },
  {
    engine: "kernel",
    claim: "path MTU and overhead of VXLAN, Geneve, IPIP, GRE and WireGuard as pod network",
    file: "tunnels",
  },
  {
    engine: "kernel",
    claim:
      "the image's agent in a container (runc): no capability, default seccomp profile; ICMP with and without `ping_group_range`",
    file: "pod",
    tests: /without a capability.*(kernel's clock|no group)/,
  },
  {
    engine: "kernel",
    claim: "the same with a CPU quota and a memory limit (cgroup v2)",
    file: "pod",
    tests: /fifth of a processor/,
  },
  ...["icmp", "tcp", "udp"].map((protocol) => contractOf(protocol, "userspace")),
  { engine: "userspace", claim: "ICMPv6, and its cure without raw rights", file: "userspace" },
  {
    engine: "userspace",
    claim: "the sender of ICMP port unreachable decides",
    file: "outcome-table",
    tests: /userspace engine/,
  },
  {
    engine: "userspace",
    claim: "the image's agent as root with NET_RAW alone, default seccomp profile",
    file: "pod",
    tests: /userspace engine/,
  },
  ...["delay", "loss", "duplicate", "reorder"].map((fault) => judgedByNetem(fault, fault)),
  judgedByNetem("throttle", "rate"),
];

/** Results, without their summaries. */
export type Files = Pick<FileResult, "file" | "tests">;

export interface Shown {
  readonly passed: number;
  readonly failed: readonly string[];
}

/** Undefined when no test of it ran. */
export function shown({ file, tests = /^/ }: Claim, files: readonly Files[]): Shown | undefined {
  const ran = files
    .filter((result) => result.file.endsWith(`/${file}.test.ts`))
    .flatMap((result) => result.tests)
    .filter(({ name, state }) => tests.test(name) && (state === "passed" || state === "failed"));
  if (ran.length === 0) return undefined;
  return {
    passed: ran.filter(({ state }) => state === "passed").length,
    failed: ran.filter(({ state }) => state === "failed").map(({ name }) => name),
  };
}

/** As test/probes/contract.ts names what cannot be shown: engine and protocol, the sentence, and why. */
const NOT_SHOWN = /^the contract of (.+), real sockets > (.+) \[not to be shown: (.+)\]$/;

export interface Impossible {
  readonly subject: string;
  readonly sentences: readonly string[];
  readonly reason: string;
}

/** What an engine cannot do on any kernel. */
export function impossible(files: readonly Files[]): readonly Impossible[] {
  const all = new Map<string, { readonly subject: string; readonly reason: string; readonly sentences: Set<string> }>();
  for (const { name } of files.flatMap(({ tests }) => tests)) {
    const [, subject, sentence, reason] = NOT_SHOWN.exec(name) ?? [];
    if (subject === undefined || reason === undefined) continue;
    const key = `${subject}: ${reason}`;
    if (!all.has(key)) all.set(key, { subject, reason, sentences: new Set() });
    all.get(key)!.sentences.add(sentence!);
  }
  return [...all.values()].map(({ sentences, ...rest }) => ({ ...rest, sentences: [...sentences] }));
}
