// What /proc tells of a network namespace, file by file. Pure: the text comes from read.ts.
import { VIEW_LIMITS, type NodeView } from "../model/node-view.ts";

type Counters = Readonly<Record<string, number>>;

/** /proc/net/snmp and netstat: a line of names and a line of numbers for each protocol. */
export function parsePairsOfLines(text: string): Counters {
  const counters = new Bounded();
  const lines = text.split("\n");
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const [names, values] = [lines[i]!.split(" "), lines[i + 1]!.split(" ")];
    if (names[0] !== values[0]) continue;
    const protocol = names[0]!.replace(/:$/, "");
    for (const [column, name] of names.entries())
      if (column > 0) counters.put(`${protocol}.${name}`, Number(values[column]));
  }
  return counters.all;
}

/** /proc/net/snmp6: a name and a number a line. */
export function parseNamesAndNumbers(text: string): Counters {
  const counters = new Bounded();
  for (const line of text.split("\n")) {
    const [name = "", value] = line.split(/\s+/);
    if (name !== "") counters.put(name, Number(value));
  }
  return counters.all;
}

class Bounded {
  readonly all: Record<string, number> = {};
  #count = 0;

  /** -1 means none. */
  put(name: string, value: number): void {
    if (!(value > 0) || this.#count >= VIEW_LIMITS.counters) return;
    this.all[name] = value;
    this.#count++;
  }
}

/** /proc/net/softnet_stat: a line a processor, hexadecimal; the first three columns never moved (net/core/net-procfs.c). */
export function parseSoftnet(text: string): Omit<Extract<NodeView["softnet"], { visible: true }>, "visible"> {
  const sum = { processors: 0, processed: 0, dropped: 0, squeezed: 0 };
  for (const line of text.split("\n")) {
    const [processed, dropped, squeezed] = line
      .trim()
      .split(/\s+/)
      .map((word) => Number.parseInt(word, 16));
    if (!Number.isFinite(processed)) continue;
    sum.processors++;
    sum.processed += processed!;
    sum.dropped += dropped ?? 0;
    sum.squeezed += squeezed ?? 0;
  }
  return sum;
}

/** resolv.conf(5). The last `search` or `domain` counts. */
export function parseResolver(text: string): Omit<Extract<NodeView["resolver"], { visible: true }>, "visible"> {
  const found = { servers: [] as string[], search: [] as string[], options: [] as string[] };
  for (const line of text.split("\n")) {
    const [word, ...rest] = line
      .replace(/[#;].*$/, "")
      .trim()
      .split(/\s+/);
    if (word === "nameserver" && rest[0] !== undefined) found.servers.push(rest[0].slice(0, 64));
    if (word === "search" || word === "domain") found.search = rest.map((name) => name.slice(0, 256)).slice(0, 32);
    if (word === "options") found.options.push(...rest.map((option) => option.slice(0, 64)));
  }
  return { servers: found.servers.slice(0, 16), search: found.search, options: found.options.slice(0, 32) };
}

/** What decides whether and how packets pass. Not every namespace and kernel has each. */
export const SYSCTLS = [
  "net.ipv4.ip_forward",
  "net.ipv6.conf.all.forwarding",
  "net.ipv6.conf.all.disable_ipv6",
  "net.ipv4.conf.all.rp_filter",
  "net.ipv4.conf.default.rp_filter",
  "net.ipv4.conf.all.arp_ignore",
  "net.ipv4.conf.all.arp_announce",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.ip_no_pmtu_disc",
  "net.ipv4.tcp_mtu_probing",
  "net.ipv4.fib_multipath_hash_policy",
  "net.ipv4.ping_group_range",
  "net.ipv4.neigh.default.gc_thresh1",
  "net.ipv4.neigh.default.gc_thresh2",
  "net.ipv4.neigh.default.gc_thresh3",
  "net.ipv6.neigh.default.gc_thresh3",
  "net.core.somaxconn",
  "net.core.netdev_max_backlog",
  "net.core.rmem_max",
  "net.core.wmem_max",
  "net.bridge.bridge-nf-call-iptables",
  "net.netfilter.nf_conntrack_max",
  "net.netfilter.nf_conntrack_tcp_timeout_established",
  "net.netfilter.nf_conntrack_tcp_be_liberal",
] as const;
