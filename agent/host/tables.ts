// The kernel's tables by netlink, in the words of the view, up to its limits.
import type { Steps } from "../base/slices.ts";
import type { Dump, TakeMessage } from "../kernel/netlink.ts";
import {
  itemsOf,
  VIEW_LIMITS,
  type ForwardingEntry,
  type Interface,
  type ListOf,
  type Neighbour,
  type NeighbourTable,
  type NodeView,
  type Route,
  type Rule,
} from "../model/node-view.ts";
import {
  addressRequest,
  decodeAddress,
  decodeLink,
  linkRequest,
  RTM_GETADDR,
  RTM_GETLINK,
  type RawLink,
} from "./netlink/links.ts";
import {
  AF_BRIDGE,
  decodeForwarding,
  decodeNeighbour,
  decodeTable,
  neighbourRequest,
  RTM_GETNEIGH,
  RTM_GETNEIGHTBL,
  tableRequest,
} from "./netlink/neighbours.ts";
import { decodeQueue, queueRequest, RTM_GETQDISC } from "./netlink/queues.ts";
import {
  AF_INET,
  AF_INET6,
  decodeRoute,
  decodeRule,
  routeRequest,
  RTM_GETROUTE,
  RTM_GETRULE,
} from "./netlink/routes.ts";

/** What answers dumps: RouteTables of the kernel. */
export interface Tables {
  read(dump: Dump, begin: () => TakeMessage): Steps<void>;
}

type Part = "interfaces" | "routes" | "rules" | "neighbours" | "forwarding" | "neighbourTables";
export type TablesView = Pick<NodeView, Part>;

/** One table that cannot be read does not hide the others. */
export function* readTables(tables: Tables): Steps<TablesView> {
  const links = yield* listOf(
    tables,
    { type: RTM_GETLINK, bodies: [linkRequest()] },
    decodeLink,
    VIEW_LIMITS.interfaces,
  );
  const found = links.visible ? links.items : [];
  const nameOf = namesOf(found);
  return {
    interfaces: yield* interfacesOf(tables, links, nameOf),
    routes: mapped(
      yield* listOf(
        tables,
        { type: RTM_GETROUTE, bodies: [routeRequest(AF_INET), routeRequest(AF_INET6)] },
        decodeRoute,
        VIEW_LIMITS.routes,
      ),
      ({ hops, ...route }): Route => ({
        ...route,
        hops: hops.map(({ gateway, deviceIndex, weight }) => ({
          ...(gateway !== undefined && { gateway }),
          ...(deviceIndex !== undefined && { device: nameOf(deviceIndex) }),
          ...(weight !== undefined && { weight }),
        })),
      }),
    ),
    rules: yield* listOf<Rule>(
      tables,
      { type: RTM_GETRULE, bodies: [routeRequest(AF_INET), routeRequest(AF_INET6)] },
      decodeRule,
      VIEW_LIMITS.rules,
    ),
    neighbours: mapped(
      yield* listOf(
        tables,
        { type: RTM_GETNEIGH, bodies: [neighbourRequest(AF_INET), neighbourRequest(AF_INET6)] },
        decodeNeighbour,
        VIEW_LIMITS.neighbours,
      ),
      ({ address, deviceIndex, hardwareAddress, state }): Neighbour => ({
        address,
        device: nameOf(deviceIndex),
        ...(hardwareAddress !== undefined && { hardwareAddress }),
        state,
      }),
    ),
    forwarding: mapped(
      yield* listOf(
        tables,
        { type: RTM_GETNEIGH, bodies: [neighbourRequest(AF_BRIDGE)] },
        decodeForwarding,
        VIEW_LIMITS.forwarding,
      ),
      ({ hardwareAddress, deviceIndex, to, vlan, state }): ForwardingEntry => ({
        hardwareAddress,
        device: nameOf(deviceIndex),
        ...(to !== undefined && { to }),
        ...(vlan !== undefined && { vlan }),
        state,
      }),
    ),
    neighbourTables: yield* listOf<NeighbourTable>(
      tables,
      { type: RTM_GETNEIGHTBL, bodies: [tableRequest()] },
      decodeTable,
      4,
    ),
  };
}

/** Dumps of one type after the other, decoded up to a limit and counted beyond it. */
function* listOf<T>(
  tables: Tables,
  { type, bodies }: { readonly type: number; readonly bodies: readonly Uint8Array[] },
  decode: (body: Uint8Array) => T | undefined,
  most: number,
): Steps<ListOf<T>> {
  const items: T[] = [];
  let leftOut = 0;
  try {
    for (const body of bodies) {
      const [itemsBefore, leftOutBefore] = [items.length, leftOut];
      yield* tables.read({ type, body }, () => {
        items.length = itemsBefore;
        leftOut = leftOutBefore;
        return (_type, message) => {
          const item = decode(message);
          if (item === undefined) return;
          if (items.length < most) items.push(item);
          else leftOut++;
        };
      });
    }
    return { visible: true, items, leftOut };
  } catch (err) {
    return { visible: false, reason: `the kernel does not tell: ${(err as Error).message}`.slice(0, 300) };
  }
}

const mapped = <A, B>(list: ListOf<A>, map: (item: A) => B): ListOf<B> =>
  list.visible ? { ...list, items: list.items.map(map) } : list;

/** Of an interface that came meanwhile, or is in another namespace, there is only the number. */
function namesOf(links: readonly RawLink[]): (index: number) => string {
  const names = new Map(links.map(({ index, name }) => [index, name]));
  return (index) => names.get(index) ?? `if${index}`;
}

function* interfacesOf(
  tables: Tables,
  links: ListOf<RawLink>,
  nameOf: (index: number) => string,
): Steps<ListOf<Interface>> {
  const most = VIEW_LIMITS.interfaces * VIEW_LIMITS.addresses;
  const addresses = yield* listOf(tables, { type: RTM_GETADDR, bodies: [addressRequest()] }, decodeAddress, most);
  if (!addresses.visible) return addresses;
  const byIndex = Map.groupBy(addresses.items, ({ index }) => index);
  // Where queues cannot be told apart from none, the rest of an interface can be.
  const queues = yield* listOf(tables, { type: RTM_GETQDISC, bodies: [queueRequest()] }, decodeQueue, most);
  const dropped = new Map(itemsOf(queues).map((queue) => [queue.deviceIndex, queue.dropped]));
  return mapped(links, ({ masterIndex, tunnel, counters, ...link }): Interface => {
    const { overIndex, ...ends } = tunnel ?? { overIndex: undefined };
    const queueDropped = dropped.get(link.index);
    return {
      ...link,
      counters: { ...counters, ...(queueDropped !== undefined && { queueDropped }) },
      ...(masterIndex !== undefined && { master: nameOf(masterIndex) }),
      addresses: (byIndex.get(link.index) ?? []).slice(0, VIEW_LIMITS.addresses).map(({ address }) => address),
      ...(tunnel && {
        tunnel: { ...ends, ...(overIndex !== undefined && overIndex !== 0 && { over: nameOf(overIndex) }) },
      }),
    };
  });
}
