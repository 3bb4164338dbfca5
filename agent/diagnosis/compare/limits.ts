// Tables that are full, what counters have gained, settings and open ports. Pure.
import { itemsOf, type NodeView } from "../../model/node-view.ts";
import { commonest, isHabit, othersHave, type Difference } from "./difference.ts";

const FULL = 0.95;
const NEARLY_FULL = 0.8;
/** Of the packets meanwhile: below it a drop is chance. */
const DROPS_THAT_HURT = 0.001;
const FEWEST_DROPS = 10;
const FEWEST_SQUEEZES = 100;
/** A node that does not forward carries no pods. */
const FORWARDING: ReadonlySet<string> = new Set(["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"]);

const percent = (part: number, whole: number): string => `${Math.round((part / whole) * 100)} %`;

export function compareCounters(views: readonly NodeView[], earlier: readonly NodeView[] = []): Difference[] {
  const before = new Map(earlier.map((view) => [view.node.name, view]));
  return [
    ...views.flatMap((view) => [...neighbourTables(view), ...conntrack(view)]),
    ...views.flatMap((view) => {
      const known = before.get(view.node.name);
      return known ? gained(known, view) : [];
    }),
    ...settings(views),
  ];
}

function neighbourTables({ node, neighbourTables: tables }: NodeView): Difference[] {
  return itemsOf(tables)
    .filter(({ entries, limit }) => limit > 0 && entries / limit >= NEARLY_FULL)
    .map(({ family, entries, limit }) => ({
      kind: "neighbours-full",
      part: "counters",
      node: node.name,
      isFault: entries / limit >= FULL,
      text: `the neighbour table of ${node.name} ${fullness(entries, limit)}: ${entries} of ${limit} entries of ${FAMILY[family]} (net.${family}.neigh.default.gc_thresh3)`,
    }));
}

const FAMILY = { ipv4: "IPv4", ipv6: "IPv6" } as const;
const fullness = (entries: number, limit: number): string =>
  entries / limit >= FULL ? "is full" : `is at ${percent(entries, limit)}`;

function conntrack({ node, conntrack: table }: NodeView): Difference[] {
  if (!table.visible || table.limit === 0 || table.entries / table.limit < NEARLY_FULL) return [];
  const { entries, limit } = table;
  return [
    {
      kind: "conntrack-full",
      part: "counters",
      node: node.name,
      isFault: entries / limit >= FULL,
      text: `connection tracking of ${node.name} ${fullness(entries, limit)}: ${entries} of ${limit} entries (net.netfilter.nf_conntrack_max)`,
    },
  ];
}

/** Between two views of the same node. A counter that went back is of an interface, or a machine, that is new. */
function gained(before: NodeView, now: NodeView): Difference[] {
  const seconds = Math.max(1, Math.round((Date.parse(now.at) - Date.parse(before.at)) / 1_000));
  const node = now.node.name;
  const within = `in ${seconds} s`;
  const earlier = new Map(itemsOf(before.interfaces).map((device) => [device.name, device]));
  const interfaces = itemsOf(now.interfaces).flatMap((device): Difference[] => {
    const known = earlier.get(device.name);
    if (known === undefined || known.index !== device.index) return [];
    const since = (name: keyof typeof device.counters) => Math.max(0, device.counters[name] - known.counters[name]);
    return (["received", "sent"] as const).flatMap((way): Difference[] => {
      const kind = way === "received" ? "receive" : "send";
      const [lost, packets] = [since(`${kind}Dropped`) + since(`${kind}Errors`), since(`${way}Packets`)];
      if (lost === 0) return [];
      return [
        {
          kind: "interface-drops",
          part: "counters",
          node,
          isFault: lost >= FEWEST_DROPS && lost / (packets + lost) >= DROPS_THAT_HURT,
          text: `${device.name} of ${node} dropped ${lost} of ${packets + lost} packets that were ${way === "received" ? "received" : "to be sent"} ${within}`,
        },
      ];
    });
  });
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
            text: `the neighbour table of ${node} was full ${times} times ${within}: it holds ${limit} entries of ${FAMILY[family]} (net.${family}.neigh.default.gc_thresh3)`,
          },
        ]
      : [];
  });
  return [...interfaces, ...refused, ...softnet(before, now, within), ...sockets(before, now, within)];
}

function softnet(
  { softnet: before }: NodeView,
  { node: { name: node }, softnet: now }: NodeView,
  within: string,
): Difference[] {
  if (!before.visible || !now.visible) return [];
  const [dropped, squeezed] = [now.dropped - before.dropped, now.squeezed - before.squeezed];
  const processed = now.processed - before.processed;
  const common = { kind: "softnet-drops", part: "counters", node } as const;
  return [
    ...(dropped > 0
      ? [
          {
            ...common,
            isFault: true,
            text: `the kernel of ${node} dropped ${dropped} packets ${within} because a processor's queue was full (net.core.netdev_max_backlog)`,
          },
        ]
      : []),
    ...(squeezed >= FEWEST_SQUEEZES && squeezed / Math.max(1, processed) >= DROPS_THAT_HURT
      ? [
          {
            ...common,
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

function settings(views: readonly NodeView[]): Difference[] {
  const names = new Set(views.flatMap(({ sysctls }) => Object.keys(sysctls)));
  return [...names].flatMap((name) => {
    const seen = views.filter(({ sysctls }) => sysctls[name] !== undefined);
    const usual = commonest(seen.map(({ sysctls }) => sysctls[name]!));
    if (!usual || usual.count === seen.length) return [];
    const isForwarding = FORWARDING.has(name);
    // Of few nodes, too, one that does not forward is the one that is wrong.
    if (!isHabit(usual.count, seen.length) && !isForwarding) return [];
    const right = isForwarding ? "1" : usual.value;
    return seen
      .filter(({ sysctls }) => sysctls[name] !== right)
      .map(({ node, sysctls }) => ({
        kind: "setting-differs" as const,
        part: "counters" as const,
        node: node.name,
        isFault: isForwarding,
        text: `${name} is ${sysctls[name]} on ${node.name} (${seen.filter((one) => one.sysctls[name] === right).length} of ${seen.length} nodes: ${right})`,
      }));
  });
}

/** Above it ports are taken by chance. */
const FIRST_EPHEMERAL = 30_000;

export function compareSockets(views: readonly NodeView[]): Difference[] {
  const seen = views.filter((view) => view.sockets.visible);
  const having = new Map<string, Set<string>>();
  for (const { node, sockets } of seen)
    for (const { protocol, state, local } of itemsOf(sockets)) {
      if ((state !== "listen" && state !== "open") || local.port >= FIRST_EPHEMERAL) continue;
      const key = `${protocol.toUpperCase()} port ${local.port}`;
      const nodes = having.get(key) ?? new Set();
      having.set(key, nodes.add(node.name));
    }
  return [...having].flatMap(([port, nodes]) =>
    isHabit(nodes.size, seen.length)
      ? seen
          .filter(({ node }) => !nodes.has(node.name))
          .map(({ node }) => ({
            kind: "port-missing" as const,
            part: "sockets" as const,
            node: node.name,
            isFault: false,
            text: `nobody listens on ${port} of ${node.name} (${othersHave([...nodes], seen.length - 1, "somebody")})`,
          }))
      : [],
  );
}
