// What the counters of nodes have gained between two views of each: drops, refusals, squeezes. Pure.
import { counted } from "../../base/format.ts";
import { median } from "../../base/median.ts";
import { itemsOf, type Interface, type NodeView } from "../../model/node-view.ts";
import { FAMILY, type Difference } from "./difference.ts";

/** Of the packets meanwhile: below it a drop is chance. */
const DROPS_THAT_HURT = 0.001;
const FEWEST_DROPS = 10;
/**
 * So many times what most other nodes drop: kernels count what no program asked for as dropped too (announcements of
 * switches, a protocol that is switched off), and that comes to all nodes alike.
 */
const APART = 3;
const FEWEST_SQUEEZES = 100;

/** A node that was read twice. */
interface Twice {
  readonly before: NodeView;
  readonly now: NodeView;
}

export function compareGained(views: readonly NodeView[], earlier: readonly NodeView[]): Difference[] {
  const before = new Map(earlier.map((view) => [view.node.name, view]));
  const twice = views.flatMap((now): Twice[] => {
    const known = before.get(now.node.name);
    return known ? [{ before: known, now }] : [];
  });
  return [...drops(twice), ...twice.flatMap(gained)];
}

interface Drops {
  readonly node: string;
  readonly device: string;
  readonly kind: "interface-drops" | "queue-drops";
  readonly lost: number;
  readonly packets: number;
  /** What became of the packets, and when. */
  readonly words: string;
  /** Interfaces of this name, and drops of this sort, are compared. */
  readonly like: string;
}

function drops(twice: readonly Twice[]): Difference[] {
  const all = twice.flatMap(dropsOf);
  const shares = Map.groupBy(all, ({ like }) => like);
  return all
    .filter(({ lost }) => lost > 0)
    .map((one) => {
      const { node, device, kind, lost, packets, words } = one;
      const others = shares.get(one.like)!.filter((other) => other.node !== node);
      const isApart = others.length === 0 || shareOf(one) >= APART * median(others.map(shareOf));
      return {
        kind,
        part: "counters",
        node,
        isFault: isApart && lost >= FEWEST_DROPS && shareOf(one) >= DROPS_THAT_HURT,
        text: `${device} of ${node} dropped ${lost} of ${packets} packets that were ${words}`,
      };
    });
}

const shareOf = ({ lost, packets }: Pick<Drops, "lost" | "packets">): number => (packets === 0 ? 0 : lost / packets);

/** A counter that went back is of an interface that is new. */
function dropsOf({ before, now }: Twice): Drops[] {
  const node = now.node.name;
  const within = withinOf({ before, now });
  const earlier = new Map(itemsOf(before.interfaces).map((device) => [device.name, device]));
  return itemsOf(now.interfaces).flatMap((device): Drops[] => {
    const known = earlier.get(device.name);
    if (known === undefined || known.index !== device.index) return [];
    const since = (name: keyof Interface["counters"]) =>
      Math.max(0, (device.counters[name] ?? 0) - (known.counters[name] ?? 0));
    const dropped = (kind: Drops["kind"], lost: number, passed: number, words: string): Drops => ({
      node,
      device: device.name,
      kind,
      lost,
      packets: passed + lost,
      words,
      like: `${device.name} ${kind} ${words.split(" ", 1)[0]}`,
    });
    // One that an older agent did not tell counts from its first reading.
    const queued = known.counters.queueDropped === undefined ? 0 : since("queueDropped");
    return [
      dropped(
        "interface-drops",
        since("receiveDropped") + since("receiveErrors"),
        since("receivedPackets"),
        `received ${within}`,
      ),
      dropped(
        "interface-drops",
        since("sendDropped") + since("sendErrors"),
        since("sentPackets"),
        `to be sent ${within}`,
      ),
      dropped(
        "queue-drops",
        queued,
        since("sentPackets"),
        `to be sent ${within}, because its queue was full (tc -s qdisc show dev ${device.name})`,
      ),
    ];
  });
}

function withinOf({ before, now }: Twice): string {
  return `in ${Math.max(1, Math.round((Date.parse(now.at) - Date.parse(before.at)) / 1_000))} s`;
}

function gained({ before, now }: Twice): Difference[] {
  const node = now.node.name;
  const within = withinOf({ before, now });
  const refused = itemsOf(now.neighbourTables).flatMap(({ family, full, limit }): Difference[] => {
    const known = itemsOf(before.neighbourTables).find((table) => table.family === family);
    const times = full - (known?.full ?? full);
    return times > 0
      ? [
          {
            kind: "neighbours-full",
            part: "counters",
            node,
            isFault: true,
            text: `the neighbour table of ${node} was full ${times === 1 ? "once" : `${times} times`} ${within}: it holds ${limit} entries of ${FAMILY[family]} (net.${family}.neigh.default.gc_thresh3)`,
          },
        ]
      : [];
  });
  return [...refused, ...softnet(before, now, within), ...sockets(before, now, within)];
}

function softnet(
  { softnet: before }: NodeView,
  { node: { name: node }, softnet: now }: NodeView,
  within: string,
): Difference[] {
  if (!before.visible || !now.visible) return [];
  const [dropped, squeezed] = [now.dropped - before.dropped, now.squeezed - before.squeezed];
  const processed = now.processed - before.processed;
  const common = { part: "counters", node } as const;
  return [
    ...(dropped > 0
      ? [
          {
            ...common,
            kind: "softnet-drops" as const,
            isFault: dropped >= FEWEST_DROPS,
            text: `the kernel of ${node} dropped ${counted(dropped, "packet")} ${within} because a processor's queue was full (net.core.netdev_max_backlog)`,
          },
        ]
      : []),
    ...(squeezed >= FEWEST_SQUEEZES && squeezed / Math.max(1, processed) >= DROPS_THAT_HURT
      ? [
          {
            ...common,
            kind: "softnet-squeezes" as const,
            isFault: false,
            text: `the kernel of ${node} ran out of time ${squeezed} times ${within} with packets still waiting (net.core.netdev_budget)`,
          },
        ]
      : []),
  ];
}

const SOCKET_COUNTERS: Readonly<Record<string, string>> = {
  "Udp.RcvbufErrors": "UDP packets were thrown away because a receiver was too slow",
  "TcpExt.ListenDrops": "TCP connections were refused because a listener's queue was full",
};

function sockets(before: NodeView, { node: { name: node }, protocols: now }: NodeView, within: string): Difference[] {
  if (!before.protocols.visible || !now.visible) return [];
  const known = before.protocols.counters;
  return Object.entries(SOCKET_COUNTERS).flatMap(([name, words]) => {
    const more = (now.counters[name] ?? 0) - (known[name] ?? 0);
    return more > 0
      ? [
          {
            kind: "socket-drops" as const,
            part: "counters" as const,
            node,
            isFault: false,
            text: `${more} ${words} on ${node} ${within}`,
          },
        ]
      : [];
  });
}
