// What is not a lost packet: agents that are silent or impaired, DNS, path MTU, membership, nobody at all.
import { describe } from "vitest";
import { after, FAULT_S, type Declare } from "./check.ts";
import { cordon, dead, loss, touching, unscrapeable, within, type Incident, type Labels } from "./incident.ts";
import type { Slot } from "./mesh.ts";
import { critical, warning } from "./promtool.ts";

const NODES = ["a1", "a2", "b1", "b2", "c1", "c2"];
const from = (node: string) => (labels: Labels) => labels["source_node"] === node;
const everywhere = () => true;

function gauge(metric: string, value: number, labels: (labels: Labels) => boolean): Incident {
  return { kind: "gauge", metric, value, labels, ...within({ fromS: FAULT_S }) };
}

function rate(metric: string, perSecond: number, labels: (labels: Labels) => boolean): Incident {
  return { kind: "rate", metric, perSecond, labels, ...within({ fromS: FAULT_S }) };
}

export function agents(scenario: Declare): void {
  describe("agents", () => {
    scenario("one that answers and reports nothing is a warning for its node", {
      incidents: [unscrapeable("b1", { fromS: FAULT_S })],
      firing: { ...after([60, 240]), ...after([360, 900], warning("AgentSilent", { node: "b1" })) },
    });
    scenario("a silent one on a cordoned node is nobody's business", {
      kubeState: true,
      incidents: [cordon("b1", { fromS: 100 }), unscrapeable("b1", { fromS: FAULT_S })],
      firing: after([60, 360, 900]),
    });
    scenario("two of six silent is one warning without a node", {
      incidents: [unscrapeable("b1", { fromS: FAULT_S }), unscrapeable("c1", { fromS: FAULT_S + 20 })],
      firing: { ...after([240]), ...after([420, 900], warning("AgentSilent")) },
    });
    scenario("all of them silent is Internode itself being down", {
      incidents: NODES.map((node) => unscrapeable(node, { fromS: FAULT_S })),
      firing: { ...after([60, 240]), ...after([330, 900], critical("Down")) },
    });
    scenario("one that skips a tenth of its probes cannot keep its schedule", {
      incidents: [
        rate("internode_probes_skipped_total", 0.5, (labels) => from("a1")(labels) && labels["protocol"] === "icmp"),
      ],
      firing: { ...after([240]), ...after([540, 900], warning("AgentImpaired", { node: "a1", reason: "schedule" })) },
    });
    scenario("one that cannot open a protocol says which node", {
      incidents: [
        gauge("internode_protocol_available", 0, (labels) => from("a1")(labels) && labels["protocol"] === "icmp"),
      ],
      firing: { ...after([240]), ...after([330, 900], warning("AgentImpaired", { node: "a1", reason: "protocol" })) },
    });
    scenario("all that cannot open a protocol are one warning with the reason", {
      incidents: [gauge("internode_protocol_available", 0, (labels) => labels["protocol"] === "icmp")],
      firing: { ...after([240]), ...after([330, 900], warning("AgentImpaired", { reason: "protocol" })) },
    });
    scenario("one that cannot keep path MTU open, and cannot send lookups, says how many of its parts", {
      incidents: [
        rate("internode_faults_total", 1 / 60, (labels) => from("a1")(labels) && labels["part"] === "path_mtu"),
        rate("internode_dns_local_errors_total", 0.1, from("a1")),
      ],
      firing: { ...after([240]), ...after([450, 900], warning("AgentImpaired", { node: "a1", reason: "protocol" })) },
      described: [
        {
          atS: FAULT_S + 895,
          alert: warning("AgentImpaired", { node: "a1", reason: "protocol" }),
          summary: "An agent cannot do all of its work.",
          dashboard: "/d/internode-agents?var-cluster=&var-agent=a1",
          description: "The agent of node a1 could not open or use 2 of its parts: protocols, path MTU, DNS.",
        },
      ],
    });
    scenario("one that closed a part once and opened it again is not impaired", {
      incidents: [
        {
          kind: "rate",
          metric: "internode_faults_total",
          perSecond: 1 / 30,
          labels: (labels) => from("a1")(labels) && labels["part"] === "dns",
          ...within({ fromS: FAULT_S, untilS: FAULT_S + 31 }),
        },
      ],
      firing: after([60, 240, 330, 900]),
    });
    // The others' answering ends refuse what it sends as well, and are not to blame: most of their peers are answered.
    const udpOf = (node: string) => (slot: Slot) => slot.protocol === "udp" && touching(node)(slot);
    const refusing = (labels: (labels: Labels) => boolean) =>
      rate("internode_reflector_packets_total", 1, (each) => each["result"] === "key" && labels(each));
    scenario("one with another shared key than its peers is named, with what is wrong", {
      weight: "heart",
      incidents: [loss(udpOf("a1"), { fromS: FAULT_S }), refusing(everywhere)],
      firing: { ...after([240]), ...after([700, 900], warning("AgentImpaired", { node: "a1", reason: "protocol" })) },
      described: [
        {
          atS: FAULT_S + 895,
          alert: warning("AgentImpaired", { node: "a1", reason: "protocol" }),
          summary: "An agent cannot do all of its work.",
          dashboard: "/d/internode-agents?var-cluster=&var-agent=a1",
          description: "The agent of node a1 refuses the UDP packets of 100% of its peers: key.",
        },
      ],
    });
    scenario("one to which strangers send packets with another key is not impaired", {
      incidents: [refusing(from("a1"))],
      firing: after([330, 900]),
    });
    scenario("one whose UDP is lost, with nothing refused, is not impaired", {
      incidents: [loss(udpOf("a1"), { fromS: FAULT_S })],
      firing: after([330, 900]),
    });
    scenario("one that has not heard of the API server for 15 minutes is impaired by discovery", {
      incidents: [rate("internode_discovery_last_sync_timestamp_seconds", 0, from("a1"))],
      firing: { ...after([600, 900]), ...after([1230], warning("AgentImpaired", { node: "a1", reason: "discovery" })) },
    });
    scenario("one that knows fewer nodes than the others for ten minutes disagrees", {
      incidents: [gauge("internode_mesh_size", 4, from("a1"))],
      firing: { ...after([300, 585]), ...after([630, 900], warning("MembershipDisagreement", { node: "a1" })) },
    });
    scenario("nodes that want an agent and have none are counted after 15 minutes", {
      kubeState: true,
      incidents: [gauge("kube_daemonset_status_desired_number_scheduled", 8, everywhere)],
      firing: { ...after([300, 885]), ...after([930], warning("NodeUnwatched")) },
    });
  });

  describe("agents that know peers and do not probe them:", () => {
    const unprobed = (peers: number, reason: string, labels: (labels: Labels) => boolean) =>
      gauge("internode_peers_unprobed", peers, (each) => each["reason"] === reason && labels(each));
    const onNoNetwork = (peers: number, labels: (labels: Labels) => boolean) =>
      gauge("internode_peers", peers, (each) => each["state"] === "unprobed" && labels(each));

    scenario("one agent, of one peer, is a warning for the agent's node", {
      incidents: [unprobed(1, "node_address", from("a1"))],
      firing: { ...after([240]), ...after([330, 900], warning("AgentImpaired", { node: "a1", reason: "peers" })) },
    });
    scenario("all agents, of one peer, is one warning and no page", {
      incidents: [
        unprobed(1, "identity", (labels) => !from("b1")(labels)),
        onNoNetwork(1, (labels) => !from("b1")(labels)),
      ],
      firing: { ...after([240]), ...after([330, 900], warning("AgentImpaired", { reason: "peers" })) },
    });
    scenario("all agents, of all peers, one address on every node, is a page: nothing else can tell", {
      mesh: { zones: { a: 2, b: 2, c: 2 }, sampleSize: 0 },
      kubeState: true,
      incidents: [unprobed(5, "shared_address", everywhere), onNoNetwork(5, everywhere)],
      firing: { ...after([240]), ...after([330, 900, 1500], critical("AgentImpaired", { reason: "peers" })) },
      described: [
        {
          atS: FAULT_S + 895,
          alert: critical("AgentImpaired", { reason: "peers" }),
          summary: "Agents know their peers and cannot probe them.",
          dashboard: "/d/internode-agents?var-cluster=",
          description:
            "The agents of 6 nodes can probe few of the peers that they know, or none, on any network, so no other alert can tell of these nodes. Why, and for how many peers at most: shared_address 5; the log of each agent says it in words.",
        },
      ],
    });
    scenario("both of two are a page, one of six a warning", {
      mesh: { zones: { "": 2 }, sampleSize: 0 },
      cluster: "east",
      incidents: [unprobed(1, "address", everywhere), onNoNetwork(1, everywhere)],
      others: [
        {
          mesh: { zones: { a: 2, b: 2, c: 2 } },
          cluster: "west",
          incidents: [unprobed(5, "address", from("a1")), onNoNetwork(5, from("a1"))],
        },
      ],
      firing: after(
        [330, 900],
        critical("AgentImpaired", { cluster: "east", reason: "peers" }),
        warning("AgentImpaired", { cluster: "west", node: "a1", reason: "peers" }),
      ),
    });
    scenario("one agent, of all peers, without a reason that is known, is a warning", {
      incidents: [onNoNetwork(5, from("a1"))],
      firing: { ...after([240]), ...after([330, 900], warning("AgentImpaired", { node: "a1", reason: "peers" })) },
    });
    scenario("those that a sample leaves out are no fault", {
      incidents: [unprobed(3, "sample", everywhere), onNoNetwork(3, everywhere)],
      firing: after([330, 900]),
    });
    scenario("a dead node whose address nobody has learnt is that node's page alone", {
      incidents: [dead("b1", { fromS: FAULT_S }), unprobed(1, "node_address", (labels) => !from("b1")(labels))].flat(),
      firing: after([300, 600, 900], critical("NodeDegraded", { node: "b1" })),
    });
    scenario("most of the peers of a sample, on no network, is a page where all agents say so", {
      mesh: { zones: { a: 3, b: 3 }, sampleSize: 0 },
      incidents: [
        unprobed(2, "sample", everywhere),
        unprobed(2, "shared_address", everywhere),
        onNoNetwork(4, everywhere),
      ],
      firing: after([330, 900], critical("AgentImpaired", { reason: "peers" })),
    });
  });

  describe("agents of the wrong number from the very start", () => {
    scenario("are told after 15 minutes, not at once", {
      kubeState: true,
      incidents: [
        {
          kind: "gauge",
          metric: "kube_daemonset_status_desired_number_scheduled",
          labels: everywhere,
          value: 8,
          ...within({ fromS: -1 }),
        },
      ],
      firing: { ...after([-285, 0, 300, 585]), ...after([630, 900], warning("NodeUnwatched")) },
    });
  });

  describe("DNS", () => {
    scenario("failing on one node is a warning for it", {
      incidents: [rate("internode_dns_failures_total", 1 / 16, from("c2"))],
      firing: { ...after([120]), ...after([300, 600], warning("DnsFailing", { node: "c2" })) },
    });
    scenario("failing on all nodes is one page", {
      incidents: [rate("internode_dns_failures_total", 1 / 16, everywhere)],
      firing: { ...after([120]), ...after([300, 600], critical("DnsFailing")) },
    });
    scenario("failing because the node is cut off is the node's page alone", {
      incidents: [rate("internode_dns_failures_total", 1 / 8, from("c2")), loss(touching("c2"), { fromS: FAULT_S })],
      firing: after([300, 600], critical("NodeDegraded", { node: "c2" })),
    });
  });

  describe("path MTU", () => {
    const shortfall = (labels: (labels: Labels) => boolean) => gauge("internode_path_mtu_shortfall_bytes", 50, labels);
    const ends =
      (...nodes: readonly string[]) =>
      (labels: Labels) =>
        nodes.includes(labels["source_node"]!) && nodes.includes(labels["destination_node"]!);

    scenario("a black hole behind one node is a warning for it", {
      incidents: [shortfall((labels) => labels["source_node"] === "b2")],
      firing: { ...after([120]), ...after([300, 600], warning("PathMtuBlackHole", { node: "b2" })) },
    });
    scenario("a black hole everywhere is one warning", {
      incidents: [shortfall(everywhere)],
      firing: { ...after([120]), ...after([300, 600], warning("PathMtuBlackHole")) },
    });
    scenario("a black hole on one link is a warning for its zones", {
      incidents: [shortfall(ends("a1", "b1"))],
      firing: {
        ...after([120]),
        ...after(
          [300, 600],
          warning("PathMtuBlackHole", { source_zone: "a", destination_zone: "b" }),
          warning("PathMtuBlackHole", { source_zone: "b", destination_zone: "a" }),
        ),
      },
    });
  });
}
