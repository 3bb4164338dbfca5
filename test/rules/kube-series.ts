// What kube-state-metrics exports.
import { clusterLabel, name, tunable, type Counter } from "./counter.ts";
import { isMember, type History } from "./history.ts";
import { active, type Labels } from "./incident.ts";
import { nodesOf } from "./mesh.ts";

export function clusterSeries(history: History): readonly Counter[] {
  if (!history.kubeState) return [];
  const cluster = kubeCluster(history);
  const nodes = nodesOf(history.mesh);
  const cordoned = (node: string) =>
    history.incidents.filter((incident) => incident.kind === "cordon" && incident.node === node);
  return [
    ...nodes.map(({ name: node }) => ({
      series: name("kube_node_spec_unschedulable", { ...cluster, node }),
      at: (second: number) => (cordoned(node).some((incident) => active(incident, second)) ? 1 : 0),
      gauge: true,
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
        at: (second: number) => (active(incident, second) ? 1 : undefined),
        gauge: true,
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
