// Our view and iproute2's, both as the same lines of text, to be compared as sets.
import type { TablesView } from "../../agent/host/tables.ts";
import { itemsOf } from "../../agent/model/node-view.ts";
import type { Told } from "./network.ts";

// eslint-disable-next-line typescript/no-explicit-any -- what iproute2 prints has no types
type Loose = Readonly<Record<string, any>>;
const lines = (all: readonly unknown[]): string[] => all.map((one) => JSON.stringify(one)).sort();

/** Table and protocol as numbers, which `ip -N` prints. */
const TABLES: Loose = { main: "254", local: "255", default: "253" };
const MAKERS: Loose = { kernel: "2", boot: "3", static: "4", ra: "9", bird: "12" };
const SCOPES: Loose = { global: "0", link: "253", host: "254" };

export function linesOfView(view: TablesView): Record<string, string[]> {
  return {
    links: lines(
      itemsOf(view.interfaces).map((one) => [
        one.name,
        one.kind,
        one.mtu,
        one.up,
        one.state,
        one.hardwareAddress,
        one.master ?? null,
        one.tunnel === undefined ? null : [one.tunnel.id, one.tunnel.local, one.tunnel.port, one.tunnel.over],
      ]),
    ),
    addresses: lines(
      itemsOf(view.interfaces).flatMap(({ name, addresses }) =>
        addresses.map(({ address, prefixLength, scope }) => [name, address, prefixLength, scope]),
      ),
    ),
    routes: lines(
      itemsOf(view.routes).map((route) => [
        route.family,
        TABLES[route.table] ?? route.table,
        route.type,
        route.destination,
        route.hops.map(({ gateway = null, device = null, weight = null }) => [gateway, device, weight]),
        route.metric,
        MAKERS[route.protocol] ?? route.protocol,
        route.family === "ipv4" ? (SCOPES[route.scope] ?? route.scope) : null,
        route.source ?? null,
        route.mtu ?? null,
      ]),
    ),
    rules: lines(itemsOf(view.rules).map(({ family, priority, action }) => [family, priority, action])),
    neighbours: lines(
      itemsOf(view.neighbours).map((one) => [one.address, one.device, one.hardwareAddress ?? null, one.state]),
    ),
    forwarding: lines(
      itemsOf(view.forwarding).map((one) => [one.hardwareAddress, one.device, one.to ?? null, one.vlan ?? null]),
    ),
  };
}

export function linesOfIproute2(told: Told): Record<string, string[]> {
  const route = (family: "ipv4" | "ipv6") => (one: Loose) => [
    family,
    one["table"] ?? "254",
    typeWord(one["type"]),
    destination(one["dst"] as string, family),
    hops(one),
    one["metric"] ?? 0,
    // A route that a person made by hand is told without a protocol.
    one["protocol"] ?? "3",
    family === "ipv4" ? (one["scope"] ?? "0") : null,
    one["prefsrc"] ?? null,
    one["metrics"]?.[0]?.mtu ?? null,
  ];
  return {
    links: lines(
      told.links.map((one: Loose) => {
        const { info_kind: kind, info_data: data } = (one["linkinfo"] ?? {}) as Loose;
        return [
          one["ifname"],
          kind ?? (one["link_type"] === "loopback" ? "loopback" : ""),
          one["mtu"],
          one["flags"].includes("UP"),
          one["operstate"].toLowerCase(),
          one["address"],
          one["master"] ?? null,
          kind === "vxlan" ? [data.id, data.local, data.port, data.link] : null,
        ];
      }),
    ),
    addresses: lines(
      told.addresses.flatMap((one: Loose) =>
        one["addr_info"].map((address: Loose) => [
          one["ifname"],
          address["local"],
          address["prefixlen"],
          address["scope"],
        ]),
      ),
    ),
    routes: lines([...told.routes.map(route("ipv4")), ...told.routes6.map(route("ipv6"))]),
    rules: lines([...told.rules.map(rule("ipv4")), ...told.rules6.map(rule("ipv6"))]),
    neighbours: lines(
      told.neighbours.map((one: Loose) => [
        one["dst"],
        one["dev"],
        one["lladdr"] ?? null,
        one["state"][0].toLowerCase(),
      ]),
    ),
    forwarding: lines(
      told.forwarding
        .filter((one: Loose) => !/^.[13579bdf]/.test(one["mac"]))
        .map((one: Loose) => [one["mac"], one["ifname"], one["dst"] ?? null, one["vlan"] ?? null]),
    ),
  };
}

const rule = (family: string) => (one: Loose) => [
  family,
  one["priority"],
  one["action"] ??
    `lookup ${one["table"]}${one["suppress_prefixlen"] === undefined ? "" : ` suppress_prefixlength ${one["suppress_prefixlen"]}`}`,
];

const WORDS: Loose = { 2: "local", 3: "broadcast", 4: "anycast", 5: "multicast", 6: "blackhole", 7: "unreachable" };
const typeWord = (type: string | undefined): string => (type === undefined ? "unicast" : (WORDS[type] ?? type));

function destination(text: string, family: string): string {
  if (text === "default") return family === "ipv4" ? "0.0.0.0/0" : "::/0";
  return text.includes("/") ? text : `${text}/${family === "ipv4" ? 32 : 128}`;
}

function hops(one: Loose): unknown[] {
  const via = (hop: Loose) => hop["gateway"] ?? hop["via"]?.host ?? null;
  if (one["nexthops"])
    return one["nexthops"].map((hop: Loose) => [via(hop), hop["dev"] ?? null, hop["weight"] ?? null]);
  return one["dev"] === undefined ? [] : [[via(one), one["dev"], null]];
}
