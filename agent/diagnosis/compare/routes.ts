// Routes to the pods of other nodes, and what else most nodes have in their tables. Pure.
import { parseCidr } from "../../base/cidr.ts";
import { listed } from "../../base/format.ts";
import { itemsOf, type NodeView, type Route } from "../../model/node-view.ts";
import { commonest, isHabit, othersHave, type Difference } from "./difference.ts";
import { attachment, isCovered, isDefault, mainRoutes, type Owners, type RoutesByDestination } from "./mesh.ts";

interface Table {
  readonly node: string;
  readonly view: NodeView;
  readonly routes: RoutesByDestination;
}

/** A range of one node's pods. */
interface Owned {
  readonly destination: string;
  readonly owner: string;
  /** Ranges that are attached alike are routed alike. */
  readonly like: string;
}

export function compareRoutes(
  views: readonly NodeView[],
  owners: Owners,
  pods: ReadonlyMap<string, string> = new Map(),
): Difference[] {
  const tables = views
    .filter(({ routes }) => routes.visible)
    .map((view): Table => ({ node: view.node.name, view, routes: mainRoutes(view) }));
  const owned = ownedRanges(tables);
  const expected = new Set(routedKinds(tables, owned));
  const ofPods = owned.filter(({ like }) => expected.has(like));
  return [
    ...ofPods.flatMap((range) => missing(range, tables)),
    ...ofPods.flatMap((range) => elsewhere(range, tables, owners)),
    ...unseenOwners(pods, tables),
    ...habits(tables, new Set(owned.map(({ destination }) => destination))),
    ...rules(views),
  ];
}

function ownedRanges(tables: readonly Table[]): Owned[] {
  const attached = new Map<string, Owned | null>();
  for (const { node, routes } of tables)
    for (const route of routes.values()) {
      const like = attachment(route);
      if (like === undefined) continue;
      attached.set(
        route.destination,
        attached.has(route.destination) ? null : { destination: route.destination, owner: node, like },
      );
    }
  return [...attached.values()].filter((range) => range !== null);
}

/** Of which ranges others have routes at all: half of those that there would be, or more. Clouds route in their fabric. */
function routedKinds(tables: readonly Table[], owned: readonly Owned[]): string[] {
  return [...Map.groupBy(owned, ({ like }) => like)].flatMap(([like, ranges]) => {
    let have = 0;
    for (const { destination, owner } of ranges)
      for (const { node, routes } of tables) if (node !== owner && routes.has(destination)) have++;
    return have > 0 && have >= (ranges.length * (tables.length - 1)) / 2 ? [like] : [];
  });
}

function missing({ destination, owner }: Owned, tables: readonly Table[]): Difference[] {
  const others = tables.filter(({ node }) => node !== owner);
  const range = parseCidr(destination)!;
  const without = others.filter(({ routes }) => !routes.has(destination) && !isCovered(range, routes));
  const having = others.filter(({ routes }) => routes.has(destination));
  const by = byWay(having.map(({ routes }) => routes.get(destination)!));
  const common = { kind: "route-missing", part: "routes", isFault: true } as const;
  // Where most nodes lack it, it is its owner that has not told of it.
  if (without.length > 1 && without.length > others.length / 2)
    return [
      {
        ...common,
        node: owner,
        text: `${without.length} of ${others.length} other nodes have no route to ${destination} of ${owner} (${listed(without.map(({ node }) => node))})`,
      },
    ];
  return without.map(({ node }) => ({
    ...common,
    node,
    towards: owner,
    text: `${node} has no route to ${destination} of ${owner} (${
      others.length === 1
        ? `${owner} has one to it`
        : `${othersHave(
            having.map((one) => one.node),
            others.length - 1,
          )}${by}`
    })`,
  }));
}

/** Of a node that cannot be seen nobody tells its range: a pod of it stands for that, where pods of others are routed. */
function unseenOwners(pods: ReadonlyMap<string, string>, tables: readonly Table[]): Difference[] {
  const known = new Set(tables.map(({ node }) => node));
  const ranges = [...pods].flatMap(([node, address]) => {
    const range = parseCidr(address);
    return range ? [{ node, address, range }] : [];
  });
  if (ranges.every(({ node }) => known.has(node))) return [];
  /** By table, the nodes of the pods that it routes to. */
  const led = new Map(
    tables.map((table) => [
      table,
      new Set(
        ranges
          .filter(({ range }) => table.routes.has(range.text) || isCovered(range, table.routes))
          .map(({ node }) => node),
      ),
    ]),
  );
  const leadsTo = (table: Table, { node }: (typeof ranges)[number]) => led.get(table)!.has(node);
  const routesPods = (table: Table, but: string): boolean => {
    const others = ranges.filter(({ node }) => node !== but && node !== table.node);
    const count = others.filter((pod) => leadsTo(table, pod)).length;
    return count > 0 && count >= others.length / 2;
  };
  return ranges
    .filter(({ node }) => !known.has(node))
    .flatMap((pod): Difference[] => {
      const without = tables
        .filter((table) => !leadsTo(table, pod) && routesPods(table, pod.node))
        .map(({ node }) => node);
      const common = { kind: "route-missing", part: "routes", isFault: true } as const;
      const what = `no route to ${pod.address}, a pod of ${pod.node}`;
      if (without.length > 1 && without.length > tables.length / 2)
        return [
          {
            ...common,
            node: pod.node,
            text: `${without.length} of ${tables.length} nodes that can be seen have ${what} (${listed(without)})`,
          },
        ];
      return without.map((node) => ({ ...common, node, towards: pod.node, text: `${node} has ${what}` }));
    });
}

/** ", by 10.88.0.13" where most go the same way. */
function byWay(routes: readonly Route[]): string {
  const way = commonest(routes.map(wayOf));
  return way !== undefined && way.value !== "" && way.count > routes.length / 2 ? `, by ${way.value}` : "";
}

const wayOf = ({ hops }: Route): string =>
  hops
    .map(({ gateway, device }) => gateway ?? device ?? "")
    .sort()
    .join(" and ");

/** Routes that lead to another node than the one whose pods they are for. */
function elsewhere({ destination, owner }: Owned, tables: readonly Table[], owners: Owners): Difference[] {
  const routes = tables.flatMap((table) => {
    const route = table.node === owner ? undefined : table.routes.get(destination);
    return route ? [{ node: table.node, route }] : [];
  });
  const ownerOf = (gateway: string | undefined) =>
    gateway === undefined ? undefined : owners.ofAddress(gateway)?.node;
  const right = routes.filter(({ route }) => route.hops.some(({ gateway }) => ownerOf(gateway) === owner));
  return routes.flatMap(({ node, route }): Difference[] => {
    const common = { part: "routes", node, towards: owner, isFault: true } as const;
    const usual = () => {
      const by = byWay(routes.filter((other) => other.node !== node).map((other) => other.route));
      return by === "" ? "" : ` (every other node${by})`;
    };
    if (route.type !== "unicast")
      return [
        {
          ...common,
          kind: "route-blackholed",
          text: `${node} drops what goes to ${destination} of ${owner}: its route is '${route.type}'${usual()}`,
        },
      ];
    const wrong = route.hops.find(({ gateway }) => {
      const of = ownerOf(gateway);
      return of !== undefined && of !== owner && of !== node;
    });
    if (wrong === undefined || right.length === 0) return [];
    const alike = routes.filter((other) => wayOf(other.route) === wayOf(route)).length;
    // A node that all others go by is a router, and not a mistake of one.
    if (alike > routes.length / 2 && routes.length > 2) return [];
    return [
      {
        ...common,
        kind: "route-elsewhere",
        text: `${node} sends what is for ${destination} of ${owner} to ${wrong.gateway}, which is ${ownerOf(wrong.gateway)}${usual()}`,
      },
    ];
  });
}

/** What most nodes route and this one does not. Only a default is a fault of its own. */
function habits(tables: readonly Table[], known: ReadonlySet<string>): Difference[] {
  const having = new Map<string, Table[]>();
  for (const table of tables)
    for (const [destination, route] of table.routes) {
      if (known.has(destination) || route.type !== "unicast") continue;
      const list = having.get(destination);
      if (list) list.push(table);
      else having.set(destination, [table]);
    }
  return [...having].flatMap(([destination, some]) => {
    if (!isHabit(some.length, tables.length)) return [];
    const by = byWay(some.map(({ routes }) => routes.get(destination)!));
    const range = parseCidr(destination)!;
    return tables
      .filter((table) => !some.includes(table) && !isCovered(range, table.routes))
      .map(({ node }) => ({
        kind: "route-missing" as const,
        part: "routes" as const,
        node,
        isFault: isDefault(destination),
        text: `${node} has no ${isDefault(destination) ? `default route (${destination})` : `route to ${destination}`} (${othersHave(
          some.map((one) => one.node),
          tables.length - 1,
        )}${by})`,
      }));
  });
}

/** Rules name a node's own addresses and ranges: those are taken for the same. */
function rules(views: readonly NodeView[]): Difference[] {
  const seen = views.filter((view) => view.rules.visible);
  const having = new Map<string, { readonly words: string; readonly nodes: Set<string> }>();
  for (const view of seen)
    for (const { family, priority, selector, action } of itemsOf(view.rules)) {
      const key = `${family} ${priority} ${withoutOwn(selector, view)} ${action}`;
      const words = `${priority}: ${selector} ${action}`;
      const known = having.get(key) ?? { words, nodes: new Set() };
      known.nodes.add(view.node.name);
      having.set(key, known);
    }
  return [...having.values()].flatMap(({ words, nodes }) =>
    isHabit(nodes.size, seen.length)
      ? seen
          .filter(({ node }) => !nodes.has(node.name))
          .map(({ node }) => ({
            kind: "rule-missing" as const,
            part: "routes" as const,
            node: node.name,
            isFault: false,
            text: `${node.name} has no rule '${words}' (${othersHave([...nodes], seen.length - 1)})`,
          }))
      : [],
  );
}

function withoutOwn(selector: string, view: NodeView): string {
  const own = itemsOf(view.interfaces).flatMap(({ addresses }) =>
    addresses.flatMap(({ address }) => parseCidr(address) ?? []),
  );
  return selector.replaceAll(/(?<=from |to )\S+/g, (text) => {
    const range = parseCidr(text);
    const isOwn =
      range !== undefined &&
      range.bits > 8 &&
      own.some(({ family, first }) => family === range.family && first >= range.first && first <= range.last);
    return isOwn ? "its own" : text;
  });
}
