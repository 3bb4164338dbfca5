// Loss that the packet filter makes, one way: is it counted to the packet, and is the direction right?
import { fileURLToPath } from "node:url";
import { farAddresses, type VethPair } from "../support/veth.ts";
import { converse } from "./conversation.ts";
import { counterOf } from "./nft.ts";
import { routedPair } from "./static-mesh.ts";
import { exactly, type Bar, type Cell, type Figure } from "./table.ts";

const PEERS = 250;
const PERIOD_MS = 10;
/** At least 10,000 probes a level, and some twenty losses of the rarest. */
const LEVELS = [
  { perMille: 1, rounds: 100 },
  { perMille: 10, rounds: 80 },
  { perMille: 100, rounds: 500 },
] as const;
const DIRECTIONS = ["forward", "reverse"] as const;
const worker = (name: string) => fileURLToPath(new URL(`./${name}.worker.ts`, import.meta.url));

interface Case {
  readonly protocol: "icmp" | "udp";
  readonly perMille: number;
  readonly rounds: number;
  readonly direction: (typeof DIRECTIONS)[number];
}

interface Counted {
  readonly probes: number;
  readonly failures: number;
  readonly forward: number;
  readonly reverse: number;
  readonly unknown: number;
}

async function lose(
  pair: VethPair,
  { protocol, perMille, rounds, direction }: Case,
): Promise<{ row: Cell[]; bar: Bar }> {
  // Packets are dropped where they arrive: dropped where they leave, the sender would be told (EPERM).
  const at = direction === "forward" ? pair.far : pair.near;
  const port = direction === "forward" ? "dport" : "sport";
  const packets =
    protocol === "udp" ? `udp ${port} 7843` : `icmp type echo-${direction === "forward" ? "request" : "reply"}`;
  await using prober = converse(
    pair.start(
      pair.near,
      process.execPath,
      worker("loss"),
      protocol,
      farAddresses(PEERS).join(","),
      String(rounds),
      String(PERIOD_MS),
    ),
  );
  await prober.heard();
  pair.nft(
    at,
    `table inet bench {
    counter dropped {}
    chain in {
      type filter hook prerouting priority 0;
      ${packets} numgen random mod 1000 < ${perMille} counter name dropped drop
    }
  }\n`,
  );
  prober.say("on");
  await prober.heard();
  const dropped = counterOf(pair, at, "dropped");
  pair.nft(at, "delete table inet bench\n");
  prober.say("on");
  const counted = JSON.parse(await prober.heard()) as Counted;
  const { probes, failures, forward, reverse, unknown } = counted;
  const [right, wrong] = direction === "forward" ? [forward, reverse] : [reverse, forward];
  const name = `${protocol.toUpperCase()}, ${perMille / 10} % ${direction}`;
  const exact = failures === dropped && (protocol === "icmp" || (right === dropped && wrong === 0 && unknown === 0));
  return {
    row: [
      name,
      probes,
      dropped,
      failures,
      ...(protocol === "udp" ? [forward, reverse, unknown] : [undefined, undefined, undefined]),
    ],
    bar: {
      ...exactly(dropped, { what: `injected loss: ${name}`, value: failures }),
      ...(protocol === "udp" ? { figure: `${failures} (${right} ${direction}, ${wrong + unknown} else)` } : {}),
      met: exact,
    },
  };
}

export async function run(): Promise<Figure> {
  using pair = routedPair(PEERS);
  await using far = converse(pair.start(pair.far, process.execPath, worker("far"), farAddresses(PEERS).join(",")));
  await far.heard();
  const rows: Cell[][] = [];
  const bars: Bar[] = [];
  for (const level of LEVELS) {
    for (const [protocol, direction] of [
      ["icmp", "forward"],
      ["udp", "forward"],
      ["udp", "reverse"],
    ] as const) {
      const { row, bar } = await lose(pair, { ...level, protocol, direction });
      rows.push(row);
      bars.push(bar);
    }
  }
  return {
    tables: [
      {
        title: "Injected loss, one way, against the counter of the nftables rule that dropped the packets",
        columns: ["", "probes", "dropped", "failed", "forward", "reverse", "unknown"],
        rows,
        note: "an ICMP probe is a round trip and claims no direction",
      },
    ],
    bars,
  };
}
