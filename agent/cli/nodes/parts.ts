// The five parts: what a line and what the tables of a node say.
import { itemsOf, type Interface, type NodeView, type Route } from "../../model/node-view.ts";
import { tableOf, text } from "../report/report.ts";
import { section, sizeOf, type PartView } from "./part.ts";

const number = (n: number): string => n.toLocaleString("en");

const wayOf = ({ type, hops }: Route): string =>
  hops.length === 0
    ? type
    : hops
        .map(({ gateway, device, weight }) =>
          [gateway === undefined ? "" : `via ${gateway}`, device ?? "", weight === undefined ? "" : `weight ${weight}`]
            .filter((word) => word !== "")
            .join(" "),
        )
        .join(", ");

export const ROUTES: PartView = {
  part: "routes",
  what: "routes",
  heads: ["routes", "by tunnel", "tables", "rules", "default"],
  line: (view) => {
    const shown = itemsOf(view.routes).filter(({ table }) => table !== "local");
    const tunnels = new Set(itemsOf(view.interfaces).flatMap(({ name, tunnel }) => (tunnel ? [name] : [])));
    const byDefault = shown.filter(
      ({ destination, table }) => table === "main" && /^(0\.0\.0\.0|::)\/0$/.test(destination),
    );
    return [
      sizeOf(view.routes),
      view.routes.visible
        ? number(shown.filter(({ hops }) => hops.some((hop) => tunnels.has(hop.device ?? ""))).length)
        : "",
      view.routes.visible ? number(new Set(shown.map(({ table }) => table)).size) : "",
      sizeOf(view.rules),
      byDefault.map(wayOf).join("; "),
    ];
  },
  sections: (view) => [
    ...section(
      `Routes of ${view.node.name}`,
      tableOf(
        ["table", "destination", "way", "metric", "made by", "source"],
        itemsOf(view.routes)
          .filter(({ table }) => table !== "local")
          .map((route) => [
            route.table,
            route.destination,
            `${route.type === "unicast" || route.hops.length === 0 ? "" : `${route.type} `}${wayOf(route)}`,
            String(route.metric),
            route.protocol,
            route.source ?? "",
          ]),
      ),
      view.routes,
    ),
    ...section(
      `Rules of ${view.node.name}`,
      tableOf(
        ["rule", "family", "applies to", "does"],
        itemsOf(view.rules).map(({ priority, family, selector, action }) => [
          String(priority),
          family,
          selector,
          action,
        ]),
      ),
      view.rules,
    ),
  ],
  fields: ["routes", "rules"],
};

const addressesOf = ({ addresses }: Interface): string =>
  addresses
    .map(({ address, prefixLength, flags }) => `${address}/${prefixLength}${flags.map((flag) => ` ${flag}`).join("")}`)
    .join(", ");

const tunnelOf = ({ tunnel }: Interface): string =>
  tunnel === undefined
    ? ""
    : [
        tunnel.id === undefined ? "" : `id ${tunnel.id}`,
        tunnel.local === undefined ? "" : `from ${tunnel.local}`,
        tunnel.remote === undefined ? "" : `to ${tunnel.remote}`,
        tunnel.port === undefined ? "" : `port ${tunnel.port}`,
        tunnel.over === undefined ? "" : `over ${tunnel.over}`,
      ]
        .filter((word) => word !== "")
        .join(" ");

/** The interface that carries the node's traffic: that of the default route. */
function uplinkOf(view: NodeView): Interface | undefined {
  const route = itemsOf(view.routes).find(({ table, destination }) => table === "main" && destination.endsWith("/0"));
  const devices = itemsOf(view.interfaces);
  return (
    devices.find(({ name }) => name === route?.hops[0]?.device) ??
    devices.find(({ kind, addresses }) => kind !== "loopback" && addresses.length > 0)
  );
}

export const INTERFACES: PartView = {
  part: "interfaces",
  what: "interfaces",
  heads: ["interfaces", "up", "pods", "uplink", "mtu", "addresses", "tunnels"],
  line: (view) => {
    const devices = itemsOf(view.interfaces);
    const uplink = uplinkOf(view);
    return [
      sizeOf(view.interfaces),
      view.interfaces.visible ? number(devices.filter(({ up }) => up).length) : "",
      number(devices.filter(({ kind, master }) => kind === "veth" && master !== undefined).length),
      uplink?.name ?? "",
      uplink === undefined ? "" : String(uplink.mtu),
      uplink === undefined ? "" : addressesOf(uplink),
      devices
        .filter(({ tunnel, up }) => tunnel !== undefined && up)
        .map(({ name, kind, mtu }) => `${name} (${kind}, ${mtu})`)
        .join(", "),
    ];
  },
  sections: (view) => [
    ...section(
      `Interfaces of ${view.node.name}`,
      tableOf(
        ["interface", "kind", "state", "mtu", "hardware", "part of", "addresses", "tunnel"],
        itemsOf(view.interfaces).map((one) => [
          one.name,
          one.kind,
          one.up ? one.state : "off",
          String(one.mtu),
          one.hardwareAddress ?? "",
          one.master ?? "",
          addressesOf(one),
          tunnelOf(one),
        ]),
      ),
      view.interfaces,
    ),
  ],
  fields: ["interfaces"],
};

export const NEIGHBOURS: PartView = {
  part: "neighbours",
  what: "neighbours and forwarding entries",
  heads: ["neighbours", "reachable", "failed", "forwarding entries", "to tunnels", "table"],
  line: (view) => {
    const neighbours = itemsOf(view.neighbours);
    const inState = (...states: string[]) => number(neighbours.filter(({ state }) => states.includes(state)).length);
    return [
      sizeOf(view.neighbours),
      inState("reachable", "permanent"),
      inState("failed", "incomplete"),
      sizeOf(view.forwarding),
      number(itemsOf(view.forwarding).filter(({ to }) => to !== undefined).length),
      itemsOf(view.neighbourTables)
        .map(({ family, entries, limit }) => `${family} ${number(entries)} of ${number(limit)}`)
        .join(", "),
    ];
  },
  sections: (view) => [
    ...section(
      `Neighbours of ${view.node.name}`,
      tableOf(
        ["neighbour", "interface", "hardware", "state"],
        itemsOf(view.neighbours).map((one) => [one.address, one.device, one.hardwareAddress ?? "", one.state]),
      ),
      view.neighbours,
    ),
    ...section(
      `Forwarding entries of ${view.node.name}`,
      tableOf(
        ["forwarding entry", "interface", "to", "vlan", "state"],
        itemsOf(view.forwarding).map((one) => [
          one.hardwareAddress,
          one.device,
          one.to ?? "",
          one.vlan === undefined ? "" : String(one.vlan),
          one.state,
        ]),
      ),
      view.forwarding,
    ),
  ],
  fields: ["neighbours", "forwarding", "neighbourTables"],
};

/** Of the many counters those that tell of trouble. */
const TROUBLE =
  /(Discards|Errors|Errs|Drops?|Dropped|Fails|Overflows?|Prune\w*|NoPorts|NoRoutes|Lost\w*|RetransSegs|Timeouts?|Rejects?|Invalid\w*)$/;

const refused = ({ counters }: Interface): number =>
  counters.receiveDropped +
  counters.sendDropped +
  counters.receiveErrors +
  counters.sendErrors +
  (counters.queueDropped ?? 0);

export const COUNTERS: PartView = {
  part: "counters",
  what: "counters and limits",
  heads: ["dropped by interfaces", "softnet dropped", "squeezed", "conntrack", "neighbours", "tcp retransmits"],
  line: (view) => {
    const { softnet, conntrack, protocols } = view;
    return [
      view.interfaces.visible
        ? number(itemsOf(view.interfaces).reduce((sum, one) => sum + refused(one), 0))
        : "not visible",
      softnet.visible ? number(softnet.dropped) : "not visible",
      softnet.visible ? number(softnet.squeezed) : "not visible",
      conntrack.visible ? `${number(conntrack.entries)} of ${number(conntrack.limit)}` : "not visible",
      itemsOf(view.neighbourTables)
        .map(
          ({ entries, limit, full }) =>
            `${number(entries)} of ${number(limit)}${full > 0 ? ` (full ${number(full)} times)` : ""}`,
        )
        .join(", "),
      protocols.visible ? number(protocols.counters["Tcp.RetransSegs"] ?? 0) : "not visible",
    ];
  },
  sections: (view) => [
    ...section(
      `Interfaces of ${view.node.name}, since each is there`,
      tableOf(
        ["interface", "received", "bytes", "errors", "dropped", "sent", "bytes", "errors", "dropped", "by its queue"],
        itemsOf(view.interfaces).map(({ name, counters }) => [
          name,
          number(counters.receivedPackets),
          number(counters.receivedBytes),
          number(counters.receiveErrors),
          number(counters.receiveDropped),
          number(counters.sentPackets),
          number(counters.sentBytes),
          number(counters.sendErrors),
          number(counters.sendDropped),
          counters.queueDropped === undefined ? "" : number(counters.queueDropped),
        ]),
      ),
      view.interfaces,
    ),
    ...section(
      `Counters of ${view.node.name} that tell of trouble, since it started`,
      tableOf(
        ["counter", "value"],
        Object.entries(view.protocols.visible ? view.protocols.counters : {})
          .filter(([name]) => TROUBLE.test(name))
          .map(([name, value]) => [name, number(value)]),
      ),
    ),
    ...section(`Settings of ${view.node.name}`, tableOf(["setting", "value"], Object.entries(view.sysctls))),
    ...(view.resolver.visible
      ? [
          {
            title: `Resolver of ${view.node.name}`,
            blocks: [
              text(
                [
                  view.resolver.servers.join(", ") || "no servers",
                  ...(view.resolver.search.length > 0 ? [`search ${view.resolver.search.join(" ")}`] : []),
                  ...view.resolver.options,
                ].join("; "),
              ),
            ],
          },
        ]
      : []),
  ],
  fields: ["interfaces", "protocols", "softnet", "conntrack", "neighbourTables", "sysctls", "resolver"],
};

const end = (one: { readonly address: string; readonly port: number } | undefined): string =>
  one === undefined ? "" : `${one.address.includes(":") ? `[${one.address}]` : one.address}:${one.port}`;

export const SOCKETS: PartView = {
  part: "sockets",
  what: "open ports",
  heads: ["sockets", "tcp ports", "udp ports", "tcp states"],
  line: (view) => {
    const ports = (protocol: string) =>
      [
        ...new Set(
          itemsOf(view.sockets)
            .filter((one) => one.protocol === protocol && (one.state === "listen" || one.state === "open"))
            .map(({ local }) => local.port),
        ),
      ]
        .sort((a, b) => a - b)
        .slice(0, 12)
        .join(" ");
    return [
      sizeOf(view.sockets),
      ports("tcp"),
      ports("udp"),
      Object.entries(view.socketCounts)
        .filter(([name]) => name.startsWith("tcp ") && name !== "tcp listen")
        .map(([name, count]) => `${number(count)} ${name.slice(4)}`)
        .join(", "),
    ];
  },
  sections: (view) => [
    ...section(
      `Sockets of ${view.node.name}`,
      tableOf(
        ["protocol", "state", "local", "remote", "waiting in", "waiting out", "dropped"],
        itemsOf(view.sockets).map((one) => [
          one.protocol,
          one.state,
          end(one.local),
          end(one.remote),
          number(one.receiveQueue),
          number(one.sendQueue),
          one.drops === undefined ? "" : number(one.drops),
        ]),
      ),
      view.sockets,
    ),
  ],
  fields: ["sockets", "socketCounts"],
};
