// Forwarding entries and neighbours against what the far end says of itself. Pure.
import { itemsOf, type ForwardingEntry, type Interface, type NodeView } from "../../model/node-view.ts";
import { othersHave, type Difference } from "./difference.ts";
import type { Owners } from "./mesh.ts";

interface End {
  readonly view: NodeView;
  readonly node: string;
  readonly device: Interface;
}

export function compareNeighbours(
  views: readonly NodeView[],
  owners: Owners,
  { isWhole }: { readonly isWhole: boolean },
): Difference[] {
  const ends = views.flatMap((view): End[] =>
    itemsOf(view.interfaces)
      .filter(({ kind, tunnel }) => kind === "vxlan" && tunnel?.id !== undefined)
      .map((device) => ({ view, node: view.node.name, device })),
  );
  const networks = [...Map.groupBy(ends, ({ device }) => device.tunnel!.id!).values()];
  return [
    ...networks.flatMap((network) => forwarding(network, owners, isWhole)),
    ...networks.flatMap(withoutNeighbour),
    ...views.flatMap((view) => neighbours(view, owners, views)),
  ];
}

/** One VXLAN network: of every other end there is to be an entry, and none else. */
function forwarding(ends: readonly End[], owners: Owners, isWhole: boolean): Difference[] {
  const byHardware = new Map(ends.map((end) => [end.device.hardwareAddress, end]));
  const entries = new Map(
    ends.map(({ view, node, device }) => [
      node,
      itemsOf(view.forwarding).filter((entry) => entry.device === device.name && entry.to !== undefined),
    ]),
  );
  // With learning, entries come when they are needed, and none is missing.
  const known = (node: string, other: End) =>
    entries.get(node)!.some(({ hardwareAddress }) => hardwareAddress === other.device.hardwareAddress);
  const common = { part: "neighbours", isFault: true } as const;
  return ends.flatMap((end): Difference[] => {
    const { node, view, device } = end;
    if (!view.forwarding.visible) return [];
    const stale = entries.get(node)!.flatMap(({ hardwareAddress, to }): Difference[] =>
      isWhole &&
      !byHardware.has(hardwareAddress) &&
      hardwareAddress !== "00:00:00:00:00:00" &&
      owners.ofHardware(hardwareAddress) === undefined
        ? [
            {
              ...common,
              kind: "forwarding-stale",
              node,
              isFault: false,
              text: `${node} has a stale forwarding entry on ${device.name}: ${hardwareAddress} at ${to} is of no node`,
            },
          ]
        : [],
    );
    const lacking = ends.flatMap((other): Difference[] => {
      if (other.node === node || known(node, other)) return [];
      const others = ends.filter((third) => third.node !== node && third.node !== other.node);
      const having = others.filter((third) => known(third.node, other)).map((third) => third.node);
      const isExpected = others.length === 0 ? known(other.node, end) : having.length > others.length / 2;
      return isExpected
        ? [
            {
              ...common,
              kind: "forwarding-missing",
              node,
              towards: other.node,
              text: `${node} has no forwarding entry for ${other.node} on ${device.name} (${
                others.length === 0 ? `${other.node} has one for ${node}` : othersHave(having, others.length)
              }, ${other.device.hardwareAddress} at ${other.device.tunnel!.local ?? "its address"})`,
            },
          ]
        : [];
    });
    return [...stale, ...elsewhere(end, { ends, entries, owners }), ...lacking];
  });
}

interface Network {
  readonly ends: readonly End[];
  readonly entries: ReadonlyMap<string, readonly ForwardingEntry[]>;
  readonly owners: Owners;
}

/** Entries of others for this end that lead to another address than one of its node's. */
function elsewhere(end: End, { ends, entries, owners }: Network): Difference[] {
  const { local } = end.device.tunnel!;
  const ofOwner = (address: string) => owners.ofAddress(address)?.node;
  const isWrong = (to: string): boolean => {
    const of = ofOwner(to);
    return of !== end.node && (of !== undefined || local !== undefined) && to !== local;
  };
  const wrong = ends
    .filter(({ node }) => node !== end.node)
    .flatMap(({ node, device }) =>
      entries
        .get(node)!
        .filter(({ hardwareAddress, to }) => hardwareAddress === end.device.hardwareAddress && isWrong(to!))
        .map(({ to }) => ({ node, device: device.name, to: to! })),
    );
  const common = { kind: "forwarding-elsewhere", part: "neighbours", isFault: true } as const;
  const whose = (to: string): string => `${to}, which is ${ofOwner(to) ?? "no address of a node"}`;
  return [...Map.groupBy(wrong, ({ to }) => to)].flatMap(([to, some]): Difference[] =>
    // What most have wrong alike they were told so: it is the address that this node announces.
    some.length > 1 && some.length > (ends.length - 1) / 2
      ? [
          {
            ...common,
            node: end.node,
            text: `${some.length} of ${ends.length - 1} other nodes send what is for ${end.node} by ${some[0]!.device} to ${whose(to)} (its own end is ${local ?? "another"})`,
          },
        ]
      : some.map(({ node, device }) => ({
          ...common,
          node,
          towards: end.node,
          text: `${node} sends what is for ${end.node} by ${device} to ${whose(to)} (the far end is ${local ?? "another"})`,
        })),
  );
}

/** Flannel and its like write a permanent neighbour for the far end's address on the tunnel. */
function withoutNeighbour(ends: readonly End[]): Difference[] {
  const has = ({ view, device }: End, address: string) =>
    itemsOf(view.neighbours).some((one) => one.device === device.name && one.address === address);
  return ends.flatMap((other) =>
    other.device.addresses
      .filter(({ scope }) => scope === "global")
      .flatMap(({ address }) => {
        const others = ends.filter(({ node }) => node !== other.node);
        const having = others.filter((end) => has(end, address)).map(({ node }) => node);
        if (having.length <= others.length / 2 || having.length < 1) return [];
        return others
          .filter(({ view, node }) => view.neighbours.visible && !having.includes(node))
          .map(({ node, device }) => ({
            kind: "neighbour-missing" as const,
            part: "neighbours" as const,
            node,
            towards: other.node,
            isFault: true,
            text: `${node} has no neighbour ${address} of ${other.node} on ${device.name} (${othersHave(having, others.length - 1)}, ${other.device.hardwareAddress})`,
          }));
      }),
  );
}

function neighbours(view: NodeView, owners: Owners, views: readonly NodeView[]): Difference[] {
  const node = view.node.name;
  return itemsOf(view.neighbours).flatMap((entry): Difference[] => {
    const owner = owners.ofAddress(entry.address);
    if (owner === undefined || owner.node === node) return [];
    const common = { part: "neighbours", node, towards: owner.node, isFault: true } as const;
    if (entry.state === "failed")
      return [
        {
          ...common,
          kind: "neighbour-unresolved",
          text: `${node} gets no answer when it asks on ${entry.device} who has ${entry.address}, which is ${owner.node}`,
        },
      ];
    const { hardwareAddress } = owner.device;
    if (
      entry.hardwareAddress === undefined ||
      hardwareAddress === undefined ||
      entry.hardwareAddress === hardwareAddress
    )
      return [];
    // A router may answer for others. It is wrong where it is another node's, or where somebody knows it better.
    const other = owners.ofHardware(entry.hardwareAddress);
    const knowsBetter = views.some(
      (one) =>
        one.node.name !== node &&
        itemsOf(one.neighbours).some((its) => its.address === entry.address && its.hardwareAddress === hardwareAddress),
    );
    if (other?.node === owner.node || (other === undefined && !knowsBetter)) return [];
    return [
      {
        ...common,
        kind: "neighbour-elsewhere",
        text: `${node} has ${entry.address} of ${owner.node} at ${entry.hardwareAddress} on ${entry.device}, which is ${other ? `${other.node}'s ${other.device.name}` : "no node's"} (${owner.node} has ${hardwareAddress})`,
      },
    ];
  });
}
