// SYN retransmits against the firewall's own count of SYN packets, a fifth of which it drops.
import { fileURLToPath } from "node:url";
import { farAddresses } from "../support/veth.ts";
import { converse } from "./conversation.ts";
import { counterOf } from "./nft.ts";
import { routedPair } from "./static-mesh.ts";
import { exactly, type Figure } from "./table.ts";

const PEERS = 200;
const ROUNDS = 3;
const PERIOD_MS = 4_500;
const DROP_PERCENT = 20;
const worker = (name: string) => fileURLToPath(new URL(`./${name}.worker.ts`, import.meta.url));

interface Counted {
  readonly probes: number;
  readonly failures: number;
  readonly withRtt: number;
  readonly retransmits: number;
}

export async function run(): Promise<Figure> {
  using pair = routedPair(PEERS);
  await using far = converse(pair.start(pair.far, process.execPath, worker("far"), pair.farIp));
  await far.heard();
  pair.nft(
    pair.near,
    `table inet bench {
    counter sent {}
    chain out {
      type filter hook output priority 0;
      tcp dport 7843 tcp flags & (syn | ack) == syn counter name sent
    }
  }\n`,
  );
  pair.nft(
    pair.far,
    `table inet bench {
    counter dropped {}
    chain in {
      type filter hook prerouting priority 0;
      tcp dport 7843 tcp flags & (syn | ack) == syn numgen random mod 100 < ${DROP_PERCENT} counter name dropped drop
    }
  }\n`,
  );
  const prober = converse(
    pair.start(
      pair.near,
      process.execPath,
      worker("syn"),
      farAddresses(PEERS).join(","),
      String(ROUNDS),
      String(PERIOD_MS),
    ),
  );
  const counted = JSON.parse(await prober.heard()) as Counted;
  await prober[Symbol.asyncDispose]();
  const [sent, dropped] = [counterOf(pair, pair.near, "sent"), counterOf(pair, pair.far, "dropped")];
  const lost = counted.failures + counted.retransmits;
  return {
    tables: [
      {
        title: `TCP: SYNs sent again by the kernel, ${PEERS * ROUNDS} handshakes, ${DROP_PERCENT} % of all SYNs dropped`,
        columns: ["", "handshakes", "SYNs sent again", "SYNs lost", "failed", "with RTT"],
        rows: [
          ["nftables counters", undefined, sent - PEERS * ROUNDS, dropped, undefined, undefined],
          ["internode", counted.probes, counted.retransmits, lost, counted.failures, counted.withRtt],
        ],
        note: "lost, as internode's TCP loss counts it: failures and retransmits",
      },
    ],
    bars: [
      exactly(sent - PEERS * ROUNDS, {
        what: "TCP SYN retransmits, against an nftables counter",
        value: counted.retransmits,
      }),
      exactly(dropped, { what: "TCP SYNs lost, against an nftables counter", value: lost }),
    ],
  };
}
