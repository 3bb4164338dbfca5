// The commands that ask agents and the cluster, in the order `internode --help` prints them. One line a command. None of
// them needs a native module, so they all fit into one executable.
import type { CommandEntry } from "./command.ts";

export const CLIENT_COMMANDS: Readonly<Record<string, CommandEntry>> = {
  matrix: { summary: "Show loss and round-trip time between every pair of nodes", load: () => import("./matrix.ts") },
  doctor: { summary: "Say what is broken, where, since when, why, and what to do", load: () => import("./doctor.ts") },
  explain: { summary: "Explain the code of a finding", load: () => import("./explain.ts") },
  topology: {
    summary: "Show nodes, address ranges and the CNI, and what of them disagrees",
    load: () => import("./topology.ts"),
  },
  cni: { summary: "Show what the CNI says of itself", load: () => import("./cni.ts") },
  dns: { summary: "Show lookups of cluster DNS as each node sees them", load: () => import("./dns.ts") },
  policy: {
    summary: "Show what NetworkPolicies let through between agents, against what is measured",
    load: () => import("./policy.ts"),
  },
  ping: {
    summary: "Probe one node from another while you watch, by every protocol on both networks",
    load: () => import("./ping.ts"),
  },
  connect: {
    summary: "Try a TCP port of a node from another: open, refused, blocked or silent",
    load: () => import("./connect.ts"),
  },
  routes: {
    summary: "Show what sets a node's routes apart, and all of them",
    load: () => import("./routes.ts"),
  },
  interfaces: {
    summary: "Show what sets a node's interfaces apart: MTU, state, addresses, tunnels",
    load: () => import("./interfaces.ts"),
  },
  neighbours: {
    summary: "Show wrong, stale and missing neighbours and forwarding entries",
    load: () => import("./neighbours.ts"),
  },
  counters: {
    summary: "Show what nodes lose, which of their tables are full, settings that differ",
    load: () => import("./counters.ts"),
  },
  sockets: { summary: "Show open ports and connections of nodes", load: () => import("./sockets.ts") },
  trace: {
    summary: "Show the routers between two nodes, both ways, and which source ports lose",
    load: () => import("./trace.ts"),
  },
  mtu: {
    summary: "Find the largest packet that passes between two nodes, both ways, and where larger ones end",
    load: () => import("./mtu.ts"),
  },
  throughput: {
    summary: "Measure how much a path carries from one node to another, by TCP or UDP",
    load: () => import("./throughput.ts"),
  },
  all: { summary: "Print the whole report, or write one file for a ticket", load: () => import("./all.ts") },
  troubleshoot: {
    summary: "Show the troubleshooting guide, opened at what is wrong now",
    load: () => import("./troubleshoot.ts"),
  },
  cleanup: { summary: "Verify that nothing of ours was left in the cluster", load: () => import("./cleanup.ts") },
  completion: { summary: "Print a script that completes commands in a shell", load: () => import("./completion.ts") },
  version: { summary: "Print the version", load: () => import("./version.ts") },
};
