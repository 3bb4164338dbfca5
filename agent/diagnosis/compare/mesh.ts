// The nodes of a comparison: whose an address, a piece of hardware and a range of pods are. Pure.
import { contains, parseCidr, type Cidr } from "../../base/cidr.ts";
import { itemsOf, type Interface, type NodeView, type Route } from "../../model/node-view.ts";

export interface Owner {
  readonly node: string;
  readonly device: Interface;
}

/** What belongs to exactly one node; what several have (a bridge of Docker, a node-local cache) belongs to none. */
export class Owners {
  readonly #addresses = new Map<string, Owner | null>();
  readonly #hardware = new Map<string, Owner | null>();

  constructor(views: readonly NodeView[]) {
    for (const { node, interfaces } of views)
      for (const device of itemsOf(interfaces)) {
        if (device.kind === "loopback") continue;
        const owner = { node: node.name, device };
        for (const { address, scope } of device.addresses) if (scope === "global") put(this.#addresses, address, owner);
        if (device.hardwareAddress !== undefined) put(this.#hardware, device.hardwareAddress, owner);
      }
  }

  ofAddress(address: string): Owner | undefined {
    return this.#addresses.get(address) ?? undefined;
  }

  ofHardware(hardwareAddress: string): Owner | undefined {
    return this.#hardware.get(hardwareAddress) ?? undefined;
  }
}

function put(owners: Map<string, Owner | null>, key: string, owner: Owner): void {
  const known = owners.get(key);
  if (known === undefined) owners.set(key, owner);
  else if (known?.node !== owner.node) owners.set(key, null);
}

/** A node's routes in the main table by destination, the best of each first. */
export type RoutesByDestination = ReadonlyMap<string, Route>;

export function mainRoutes(view: NodeView): RoutesByDestination {
  const best = new Map<string, Route>();
  for (const route of itemsOf(view.routes)) {
    if (route.table !== "main" || isOfLink(route.destination)) continue;
    const known = best.get(route.destination);
    if (!known || route.metric < known.metric) best.set(route.destination, route);
  }
  return best;
}

const isOfLink = (destination: string): boolean => /^f(e80|f00):/.test(destination);
export const isDefault = (destination: string): boolean => destination === "0.0.0.0/0" || destination === "::/0";

/** A range that is on the node itself: behind its bridge, or dropped there but for the pods it has (Calico). */
export function attachment(route: Route): string | undefined {
  const width = route.family === "ipv4" ? 32 : 128;
  const bits = Number(route.destination.split("/")[1]);
  if (bits === 0 || bits === width) return undefined;
  if (route.type === "blackhole" && route.protocol !== "static") return `blackhole/${route.family}/${bits}`;
  const [hop] = route.hops;
  const isOnLink = route.type === "unicast" && hop?.gateway === undefined && route.protocol === "kernel";
  return isOnLink && hop?.device !== undefined ? `${hop.device}/${route.family}/${bits}` : undefined;
}

/** Whether a route that is no default covers the range. */
export function isCovered(range: Cidr, routes: RoutesByDestination): boolean {
  for (const { destination, type } of routes.values()) {
    if (isDefault(destination) || type !== "unicast") continue;
    const wider = parseCidr(destination);
    if (wider && wider.bits < range.bits && contains(wider, range)) return true;
  }
  return false;
}
