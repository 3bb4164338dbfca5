// What kube-state-metrics exports.
import { clusterLabel, name, tunable, type Counter } from "./counter.ts";
import { isMember, type History } from "./history.ts";
import { active, type Labels } from "./incident.ts";
import { nodesOf } from "./mesh.ts";

export function clusterSeries(history: History): readonly Counter[] {
  if (!history.kubeState) return [];
  const cluster = kubeCluster(history);
  const nodes = nodesOf(history.mesh);
  const isActive = (kind: "cordon" | "no-object", node: string, second: number) =>
    history.incidents.some((incident) => incident.kind === kind && incident.node === node && active(incident, second));
  const ofNode = (node: string, value: (second: number) => number | undefined) => ({
    at: (second: number) => (isActive("no-object", node, second) ? undefined : value(second)),
    gauge: true,
  });
  return [
    ...nodes.map(({ name: node }) => ({
      series: name("kube_node_spec_unschedulable", { ...cluster, node }),
      ...ofNode(node, (second) => (isActive("cordon", node, second) ? 1 : 0)),
    })),
    ...history.incidents
      .filter((incident) => incident.kind === "taint")
      .map((incident) => ({
        series: name("kube_node_spec_taint", {
          ...cluster,
          node: incident.node,
          key: incident.key,
          effect: "NoSchedule",
        }),
        ...ofNode(incident.node, (second) => (active(incident, second) ? 1 : undefined)),
      })),
    desired(history),
  ];
}

function kubeCluster({ cluster, kubeCluster = cluster }: History): Labels {
  return clusterLabel(kubeCluster === "" ? undefined : kubeCluster);
}

/** One agent for every node that is a member, unless an incident says otherwise. */
function desired(history: History): Counter {
  const tuned = tunable(history, {
    metric: "kube_daemonset_status_desired_number_scheduled",
    labels: { ...kubeCluster(history), daemonset: "internode", namespace: "internode" },
    value: 0,
    gauge: true,
  });
  return {
    ...tuned,
    at: (second) =>
      (tuned.at(second) ?? 0) || nodesOf(history.mesh).filter((node) => isMember(history, node.name, second)).length,
  };
}
