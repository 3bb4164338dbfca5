// Every cause, with what to run next and what usually helps. What speaks for or against one is found in causes/.
import type { CauseKind, Subject } from "../../model/finding.ts";

export interface CauseEntry {
  readonly text: string;
  /** What tells it apart from the others, for the documents. */
  readonly tell: string;
  readonly next: (subject: Subject) => string;
  readonly cure: string;
}

/** A node to look at: the first that the subject names. A command with a gap in it cannot be run. */
function nodeOf(subject: Subject): string | undefined {
  switch (subject.kind) {
    case "node":
      return subject.node;
    case "pair":
      return subject.nodes[0];
    case "group":
      return subject.nodes[0];
    case "zone":
    case "zone-pair":
    case "mesh":
      return undefined;
  }
}

/** What can be looked at where no node is named. */
function lossOf(subject: Subject): string {
  const zones =
    subject.kind === "zone" ? [subject.zone] : subject.kind === "zone-pair" ? [...new Set(subject.zones)] : [];
  return ["internode matrix", ...zones.map((zone) => `--zone ${zone}`), "--show loss"].join(" ");
}

const onNode = (command: string) => (subject: Subject) => {
  const node = nodeOf(subject);
  return node === undefined
    ? lossOf(subject)
    : `kubectl debug node/${node} -it --image=nicolaka/netshoot --profile=sysadmin -- ${command}`;
};
/** Pods of that node alone, where one is named. */
const podsOf = (selection: string) => (subject: Subject) => {
  const node = nodeOf(subject);
  return `kubectl get pods ${selection} -o wide${node === undefined ? "" : ` --field-selector spec.nodeName=${node}`}`;
};
const matrix = (flags: string) => () => `internode matrix ${flags}`;
const describeNode = (subject: Subject): string => {
  const node = nodeOf(subject);
  return node === undefined ? "kubectl get nodes -o wide" : `kubectl describe node ${node}`;
};
const agentPod = podsOf("-A -l app.kubernetes.io/name=internode");

export const CAUSES: Readonly<Record<CauseKind, CauseEntry>> = {
  "node-dead": {
    text: "The machine is off, hung, or being restarted.",
    tell: "Nothing answers on any network, its agent does not report, and the cluster says NotReady.",
    next: describeNode,
    cure: "Start or replace the machine through its console or cloud. If it is gone for good, delete its Node object.",
  },
  "node-cut-off": {
    text: "The machine runs, and its link, switch port or security group is cut.",
    tell: "As a dead machine, but the cluster still says Ready or its own agent still reports.",
    next: describeNode,
    cure: "Look at the machine's console, its switch port and the firewall or security group of this machine.",
  },
  "agent-dead": {
    text: "The agent's process has ended or its pod is gone.",
    tell: "ICMP to the node is answered, the probe port is refused or silent, and no row comes.",
    next: agentPod,
    cure: "Look at the pod's events and last log; the DaemonSet starts it again.",
  },
  "agent-frozen": {
    text: "The agent's process hangs.",
    tell: "ICMP to its pod is answered by the kernel, while UDP, which the process answers, is lost entirely.",
    next: agentPod,
    cure: "Delete the pod; look for a memory limit that is nearly reached, or a stopped process.",
  },
  "agent-starved": {
    text: "The agent gets too little CPU.",
    tell: "ICMP is fine, UDP and TCP are lost both ways, or the agent itself tells late ticks or skipped probes.",
    next: onNode("top -b -n 1"),
    cure: "Raise or remove the agent's CPU limit; look for what starves the node.",
  },
  "node-link": {
    text: "The node's own link: cable, optic, switch port, driver, or a full receive ring.",
    tell: "All its pairs lose about the same share, on both networks, and nobody else does.",
    next: onNode("ip -s link"),
    cure: "Errors on the device: cable, optic, port, driver. Drops without errors: ring size, or a queue that is too small.",
  },
  "pair-path": {
    text: "Something on the path between exactly these two.",
    tell: "One pair loses, both its nodes are fine with all others.",
    next: matrix("--show loss"),
    cure: "Trace the way in both directions and compare it with a pair that is fine.",
  },
  "shared-uplink": {
    text: "What these nodes share: a rack switch, an uplink, a hypervisor's network card.",
    tell: "Loss between the members and all others, none among the members.",
    next: (subject) =>
      subject.kind === "group"
        ? `kubectl get nodes ${subject.nodes.join(" ")} --show-labels`
        : "kubectl get nodes --show-labels",
    cure: "Find what the members have in common (rack, switch, hypervisor) and look at its uplink for errors and full queues.",
  },
  "zone-interconnect": {
    text: "What lies between these zones: interconnect, routers, a provider's fault.",
    tell: "Pairs across lose, pairs inside each zone do not.",
    next: lossOf,
    cure: "Ask the provider, look at routers and firewalls between the zones.",
  },
  cni: {
    text: "The overlay or CNI: its pod on the node, tunnel, routes of pod ranges, or a policy.",
    tell: "The pod network loses while the node network between the same nodes is fine.",
    // Most CNIs have a namespace of their own.
    next: podsOf("-A"),
    cure: "Look at the CNI's pod on the node and its log; compare its routes and tunnel with a node that is fine.",
  },
  "node-firewall": {
    text: "A firewall between node addresses that lets the tunnel through and not the probe.",
    tell: "Node addresses are not answered while the pod network, which runs over them, is fine.",
    next: matrix("--network node --show loss"),
    cure: "Allow ICMP echo between nodes, or switch the node network off in the agent's configuration.",
  },
  "tunnel-mtu": {
    text: "The pod network's MTU is larger than what the tunnel or path carries.",
    tell: "Small packets pass, large ones vanish, and the kernel is told nothing.",
    next: onNode("ip -d link"),
    cure: "Lower the CNI's MTU (VXLAN takes 50 bytes, WireGuard 60 to 80), or let ICMP `fragmentation needed` through.",
  },
  "policy-drop": {
    text: "A NetworkPolicy, security group or firewall that drops.",
    tell: "One protocol or port, all of it, from one moment on, and no answer at all.",
    next: () => "kubectl get networkpolicies -A",
    cure: "Allow the probe port and ICMP between agents, or see which policy was changed at that moment.",
  },
  "policy-reject": {
    text: "A NetworkPolicy or firewall that rejects.",
    tell: "The rejection comes from another address than the target's own.",
    next: () => "kubectl get networkpolicies -A",
    cure: "See which policy was changed at that moment.",
  },
  "port-closed": {
    text: "Nothing listens on the probe port.",
    tell: "The target itself refuses.",
    next: agentPod,
    cure: "Look whether the agent runs and which port it was given.",
  },
  "stale-entry": {
    text: "A stale neighbour, forwarding or tunnel entry of one node for the other.",
    tell: "Single pairs, one way, everything lost, all else fine.",
    next: onNode("sh -c 'ip neigh; bridge fdb'"),
    cure: "Compare the entry for the other node with its real address; restart the CNI's pod on the node that sends.",
  },
  "conntrack-full": {
    text: "The connection tracking table is full.",
    tell: "New connections (TCP) fail while flows that exist already (UDP, ICMP) go on; the agent tells local errors.",
    next: onNode("sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max"),
    cure: "Raise net.netfilter.nf_conntrack_max, and find what opens so many connections.",
  },
  "neighbour-full": {
    text: "The neighbour (ARP) table is full.",
    tell: "A changing part of one node's peers is lost or unreachable at once; the agent tells local errors.",
    next: onNode("sh -c 'ip neigh | wc -l; sysctl net.ipv4.neigh.default.gc_thresh3'"),
    cure: "Raise net.ipv4.neigh.default.gc_thresh1, 2 and 3.",
  },
  "equal-path": {
    text: "At least one of several equal paths (ECMP, bond member) is bad.",
    tell: "Some source ports lose everything and others nothing.",
    next: matrix("--show loss"),
    cure: "Take the members of the bond or the equal paths out one after the other; look at their error counters.",
  },
  flap: {
    text: "It comes and goes for all at once: a link that flaps, a machine that freezes.",
    tell: "Most peers lose in the same seconds, and nothing in between.",
    next: onNode("dmesg"),
    cure: "Look for link down and up in the kernel log and on the switch.",
  },
  queue: {
    text: "A bad optic or a queue that overflows.",
    tell: "Seconds of loss are not in step: each peer loses at another moment.",
    next: onNode("ip -s link"),
    cure: "Look at error and drop counters along the way; reduce the load or enlarge the queue.",
  },
  "route-changed": {
    text: "Routing sent the traffic another way.",
    tell: "The number of hops changed at the moment it began.",
    next: onNode("ip route"),
    cure: "Compare routes (BGP sessions, route tables of the cloud) with a node that is fine.",
  },
  "route-asymmetric": {
    text: "Packets take another way back than there.",
    tell: "The number of hops there and back differ.",
    next: onNode("ip route"),
    cure: "Where reverse path filtering or stateful firewalls stand on one of the ways, make both the same.",
  },
  "longer-path": {
    text: "A longer way or a standing queue.",
    tell: "Even the fastest round trip of the minute is slower.",
    next: matrix("--show mean"),
    cure: "Look for a changed route, or for a link that is full.",
  },
  "dns-server": {
    text: "The cluster's DNS servers fail.",
    tell: "Most nodes have failing lookups.",
    next: () => "kubectl -n kube-system get pods -l k8s-app=kube-dns -o wide",
    cure: "Look at the DNS pods, their log, their limits and what they forward to.",
  },
  "dns-path": {
    text: "The way from this node to the DNS servers.",
    tell: "One node's lookups fail, those of the others do not.",
    next: onNode("cat /etc/resolv.conf"),
    cure: "Look at kube-proxy and the node-local DNS cache on this node.",
  },
  "service-proxy": {
    text: "kube-proxy, or what replaces it, on this node.",
    tell: "Service addresses fail, pod addresses are reached.",
    next: podsOf("-n kube-system"),
    cure: "Look at kube-proxy's (or the CNI's) log on this node; restart it there.",
  },
  "address-conflict": {
    text: "Two machines or pods have the same address.",
    tell: "The agent that answers there names another node than the cluster does.",
    next: () => "kubectl get pods -A -o wide --sort-by=.status.podIP",
    cure: "Look for overlapping pod ranges, or a machine that was cloned or came back with an old address.",
  },
  "masquerade-rule": {
    text: "A masquerading rule catches traffic between pods.",
    tell: "Two or more nodes see another source address than the pod's own.",
    next: onNode("iptables -t nat -S POSTROUTING"),
    cure: "Exclude the cluster's pod range from masquerading (ip-masq-agent, the CNI's setting).",
  },
  "stale-discovery": {
    text: "The agent has not heard from the API server for long.",
    tell: "Its discovery is old, and it counts other nodes than most.",
    next: agentPod,
    cure: "Look at the agent's log for the reason; check its way to the API server.",
  },
  "missing-permission": {
    text: "A permission, kernel feature or port is missing.",
    tell: "The agent tells the reason itself.",
    next: agentPod,
    cure: "Follow the reason; the install notes name the setting for each protocol.",
  },
  upgrade: {
    text: "An upgrade is under way.",
    tell: "Agents of two versions are seen.",
    next: agentPod,
    cure: "Finish the rollout.",
  },
  "either-end": {
    text: "One of the two nodes, or the path between them.",
    tell: "Too few nodes to tell them apart.",
    next: matrix("--show loss"),
    cure: "Look at both nodes' links (`ip -s link`); a third node to compare with would tell which it is.",
  },
  "this-node": {
    text: "The judge's own node is cut off.",
    tell: "Nearly every row is missing and everything from here is lost.",
    next: matrix("--show loss"),
    cure: "Ask an agent on another node.",
  },
};
