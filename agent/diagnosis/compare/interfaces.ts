// Interfaces that most nodes have alike. Pure.
import { itemsOf, type Interface, type NodeView } from "../../model/node-view.ts";
import { commonest, isHabit, othersHave, type Difference } from "./difference.ts";

/** What a CNI makes; without one the pods of the node are cut off. */
const MADE_BY_CNI: ReadonlySet<string> = new Set(["vxlan", "bridge", "ipip", "geneve", "gre", "wireguard", "sit"]);
/** Bytes in front of each packet, by the family of the far end's address. */
const OVERHEAD: Readonly<Record<string, Readonly<{ ipv4: number; ipv6: number }>>> = {
  vxlan: { ipv4: 50, ipv6: 70 },
  geneve: { ipv4: 50, ipv6: 70 },
  ipip: { ipv4: 20, ipv6: 40 },
  gre: { ipv4: 24, ipv6: 44 },
};

export function compareInterfaces(views: readonly NodeView[]): Difference[] {
  const seen = views.filter(({ interfaces }) => interfaces.visible);
  const byName = new Map<string, Map<string, Interface>>();
  for (const { node, interfaces } of seen)
    for (const device of itemsOf(interfaces)) {
      if (device.kind === "loopback" || isCable(device)) continue;
      const nodes = byName.get(device.name) ?? new Map<string, Interface>();
      byName.set(device.name, nodes.set(node.name, device));
    }
  return [
    ...[...byName].flatMap(([name, devices]) => [
      ...absent(name, devices, seen),
      ...down(name, devices),
      ...sizes(name, devices),
    ]),
    ...sizes("the cable of a pod", cables(seen)),
    ...seen.flatMap(tunnelSizes),
  ];
}

/** The host's end of a pod's cable: named by chance, and with no address of its own. */
const isCable = ({ kind, master, addresses }: Interface): boolean =>
  kind === "veth" && (master !== undefined || !addresses.some(({ scope }) => scope === "global"));

type Devices = ReadonlyMap<string, Interface>;

function absent(name: string, devices: Devices, views: readonly NodeView[]): Difference[] {
  const kind = commonest([...devices.values()].map((device) => device.kind))!.value;
  if (kind === "" || !isHabit(devices.size, views.length)) return [];
  return views
    .filter(({ node }) => !devices.has(node.name))
    .map(({ node }) => ({
      kind: "interface-missing" as const,
      part: "interfaces" as const,
      node: node.name,
      isFault: MADE_BY_CNI.has(kind),
      text: `${node.name} has no ${name} (${othersHave([...devices.keys()], views.length - 1)}, ${kind})`,
    }));
}

const isDown = ({ up, state }: Interface): boolean => !up || state === "down" || state === "lowerlayerdown";

function down(name: string, devices: Devices): Difference[] {
  const without = [...devices].filter(([, device]) => isDown(device)).map(([node]) => node);
  if (without.length === 0 || !isHabit(devices.size - without.length, devices.size)) return [];
  return without.map((node) => ({
    kind: "interface-down" as const,
    part: "interfaces" as const,
    node,
    isFault: true,
    text: `${name} of ${node} is ${devices.get(node)!.up ? "down" : "switched off"} (it is up on ${devices.size - without.length} other nodes)`,
  }));
}

function sizes(name: string, devices: Devices): Difference[] {
  const usual = commonest([...devices.values()].map(({ mtu }) => mtu));
  if (!usual || usual.count === devices.size) return [];
  // Of two nodes nobody can say which is right.
  const isClear = isHabit(usual.count, devices.size);
  const other = (node: string) => [...devices].find(([its, { mtu }]) => its !== node && mtu === usual.value)!;
  return [...devices]
    .filter(([, { mtu }]) => mtu !== usual.value)
    .map(([node, { mtu }]) => ({
      kind: "mtu-differs" as const,
      part: "interfaces" as const,
      node,
      isFault: isClear,
      text: `${name} of ${node} has MTU ${mtu} (${isClear && usual.count === devices.size - 1 ? "every other node" : usual.count === 1 ? other(node)[0] : `${usual.count} of ${devices.size} nodes`}: ${usual.value})`,
    }));
}

/** Pods' cables on a node as one interface, with the size that most of them have. */
function cables(views: readonly NodeView[]): Devices {
  return new Map(
    views.flatMap(({ node, interfaces }) => {
      const ends = itemsOf(interfaces).filter(isCable);
      const usual = commonest(ends.map(({ mtu }) => mtu));
      return usual ? [[node.name, ends.find(({ mtu }) => mtu === usual.value)!] as const] : [];
    }),
  );
}

/** A tunnel whose packets with what is put in front do not fit into what they go out of. */
function tunnelSizes({ node, interfaces }: NodeView): Difference[] {
  const devices = itemsOf(interfaces);
  return devices.flatMap((device): Difference[] => {
    const { name, kind, mtu, tunnel } = device;
    const overhead = OVERHEAD[kind];
    if (!tunnel || !overhead || !device.up) return [];
    const over = devices.find(
      (one) => one.name === tunnel.over || one.addresses.some(({ address }) => address === tunnel.local),
    );
    const bytes = overhead[tunnel.local?.includes(":") ? "ipv6" : "ipv4"];
    if (!over || over.name === name || mtu + bytes <= over.mtu) return [];
    return [
      {
        kind: "tunnel-mtu",
        part: "interfaces",
        node: node.name,
        isFault: true,
        text: `${name} of ${node.name} has MTU ${mtu}, which with ${bytes} bytes of ${kind} in front is more than the ${over.mtu} of ${over.name}: large packets vanish or are cut`,
      },
    ];
  });
}
