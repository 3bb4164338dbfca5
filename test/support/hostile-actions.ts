// What a hostile agent could tell of an action: the text stands wherever a line may have one, also where our own agents
// only ever put a word of ours.
import type { FreshRow } from "../../agent/actions/sweep/action.ts";
import type { Line } from "../../agent/actions/lines.ts";
import type { Snapshot } from "../../agent/model/snapshot.ts";

/** The lines of an action's answer, in order. */
export function hostileLines(action: string, bad: string, { rows }: Pick<Snapshot, "rows">): readonly Line[] {
  const started = { kind: "started", schemaVersion: 1, action: bad, node: bad } as const;
  const result = (fields: object): Line => ({ kind: "result", note: bad, ...fields });
  const progress = (fields: object): Line => ({ kind: "progress", ...fields });
  const place = { network: bad, family: bad, address: bad };
  const rtt = { minNs: 1e6, meanNs: 1e6, maxNs: 1e6 };
  switch (action) {
    case "connect": {
      const handshakes = [
        { ...place, retransmits: 1, came: "local", errno: bad },
        { ...place, retransmits: 1, came: bad },
        { ...place, retransmits: 1, came: "open", rttNs: 1e6 },
      ];
      return [started, ...handshakes.map((handshake) => progress({ handshake })), result({ target: bad, handshakes })];
    }
    case "ping": {
      const slots = [{ ...place, protocol: bad }];
      const unavailable = [{ protocol: bad, reason: bad }];
      const events = [
        { slot: 0, came: "answered", rttNs: 1e6 },
        { slot: 0, came: "timeout" },
        { slot: 0, came: "local", errno: bad },
        { slot: 0, came: bad },
      ];
      return [started, progress({ slots, unavailable }), progress({ events }), result({ target: bad, slots: [] })];
    }
    case "trace": {
      const router = { address: bad, node: bad, ports: [0], answered: 1, rtt };
      const trace = {
        ...place,
        from: bad,
        to: bad,
        targetPort: 7_843,
        sourcePorts: [bad, 40_001],
        hops: [
          { hop: bad, sent: 2, answered: 1, routers: [router, router] },
          { hop: 2, sent: 2, answered: 0, routers: [] },
        ],
        ends: [
          { sent: 1, answered: 1, refused: 0, hops: bad, rtt },
          { sent: 1, answered: 0, refused: 0 },
        ],
        refusals: [{ kind: "blocked", by: bad, node: bad, count: 1 }],
        unsent: [{ errno: bad, count: 1 }],
      };
      return [started, progress({ sent: bad, of: bad }), result({ traces: [trace] })];
    }
    case "mtu": {
      const step = { bytes: bad, came: "vanishes" };
      const at = { hop: bad, address: bad, node: bad };
      const path = {
        ...place,
        from: bad,
        to: bad,
        believedBytes: bad,
        passesBytes: bad,
        steps: [step],
        told: [{ by: bad, node: bad, mtu: bad }],
        vanishes: { reached: at, missed: at },
        isSilent: false,
      };
      const pod = { ...path, network: "pod", family: "ipv4", believedBytes: 1_450, passesBytes: 1_300 };
      return [started, progress({ trying: [{ network: bad, bytes: bad }] }), result({ paths: [path, pod] })];
    }
    case "throughput": {
      const run = {
        ...place,
        from: bad,
        to: bad,
        port: bad,
        protocol: bad,
        seconds: bad,
        streams: bad,
        messageBytes: bad,
        rateMbps: 1,
        intervals: [],
        sent: { bytes: 1, seconds: 1, packets: 2, unsent: bad },
        received: {
          bytes: 1,
          seconds: 1,
          udp: { packets: 1, duplicates: 1, reordered: 1, jitterNs: 1, socketDrops: 1 },
        },
        lost: bad,
      };
      const interval = { second: bad, sentBytes: 1, receivedBytes: 1, retransmits: bad };
      return [
        started,
        progress({ network: bad, protocol: bad, interval, of: bad }),
        result({ runs: [run, { ...run, protocol: "udp" }, { ...run, failed: bad }] }),
      ];
    }
    case "sweep": {
      const fresh = rows.slice(1).map(({ source, pairs }): FreshRow => ({ source, pairs }));
      const missing = rows.slice(0, 1).map(({ source }) => ({ node: source, reason: bad }));
      return [
        started,
        progress({ agents: bad }),
        ...fresh.map((row) => progress({ row })),
        ...missing.map((one) => progress({ missing: one })),
        result({ rows: fresh.length, missing: 1 }),
      ];
    }
    default:
      return [started, { kind: "error", error: bad }];
  }
}
