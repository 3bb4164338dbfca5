// Tables that are full, settings and open ports. Pure.
import { itemsOf, type NodeView } from "../../model/node-view.ts";
import { commonest, FAMILY, isHabit, othersHave, type Difference } from "./difference.ts";
import { compareGained } from "./gained.ts";

const FULL = 0.95;
const NEARLY_FULL = 0.8;
/** A node that does not forward carries no pods. */
const FORWARDING: ReadonlySet<string> = new Set(["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"]);

const percent = (part: number, whole: number): string => `${Math.round((part / whole) * 100)} %`;

export function compareCounters(views: readonly NodeView[], earlier: readonly NodeView[] = []): Difference[] {
  return [
    ...views.flatMap((view) => [...neighbourTables(view), ...conntrack(view)]),
    ...compareGained(views, earlier),
    ...settings(views),
  ];
}

/**
 * How full it is tells little: permanent entries, of which Flannel lays one for each other node, and those of all network
 * namespaces of the machine are in the table, while the limit is for what is learnt (neigh_alloc). What breaks something
 * is that it refuses entries, which it counts.
 */
function neighbourTables({ node, neighbourTables: tables, neighbours }: NodeView): Difference[] {
  return itemsOf(tables).flatMap(({ family, entries, limit }): Difference[] => {
    const permanent = itemsOf(neighbours).filter(
      ({ address, state }) => state === "permanent" && address.includes(":") === (family === "ipv6"),
    ).length;
    const learnt = entries - permanent;
    // More than the limit are never learnt: the rest is permanent elsewhere, and nobody can say how much.
    if (limit === 0 || learnt / limit < NEARLY_FULL || learnt > limit) return [];
    return [
      {
        kind: "neighbours-full",
        part: "counters",
        node: node.name,
        isFault: false,
        text: `the neighbour table of ${node.name} is at ${percent(learnt, limit)}: ${learnt} of ${limit} entries of ${FAMILY[family]} (net.${family}.neigh.default.gc_thresh3)`,
      },
    ];
  });
}

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
