// A CNI's or a policy's agent as the field runs it: one pod on each node's own network, that lays routes and rules there.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ToolName } from "../../scripts/tools/recipes.ts";
import { writeProgramImage } from "./oci-archive.ts";
import type { ClusterPlan } from "./plan.ts";

export interface Daemon {
  /** What builds it, also the name of its image's archive. */
  readonly tool: ToolName;
  readonly program: string;
  /** Debian packages of the programs that it runs, as CLUSTER_PACKAGES. */
  readonly packages: Readonly<Record<string, string>>;
  readonly image: string;
  readonly namespace: string;
  /** Of its DaemonSet. */
  readonly name: string;
  readonly manifests: (plan: ClusterPlan) => readonly object[];
}

export const archiveOf = (folder: string, { tool }: Daemon): string => join(folder, `${tool}.tar`);

export async function writeDaemonImage(folder: string, daemon: Daemon, program: string): Promise<string> {
  const archive = archiveOf(folder, daemon);
  await writeProgramImage(archive, {
    reference: daemon.image,
    program: { name: daemon.program, content: await readFile(program) },
  });
  return archive;
}

export interface DaemonPod {
  readonly labels: Readonly<Record<string, string>>;
  readonly args: readonly string[];
  readonly env?: readonly object[];
  readonly securityContext: object;
  /** Folders of the node: path in the pod → path on the node, made where it is not there. */
  readonly folders: Readonly<Record<string, string>>;
  /** Path in the pod → ConfigMap. */
  readonly configMaps?: Readonly<Record<string, string>>;
}

/** Where the node's own nft, iptables and ipset are: the image has nothing but the daemon. */
const PROGRAM_FOLDERS = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/alternatives"];

export function daemonSet(daemon: Omit<Daemon, "manifests">, pod: DaemonPod): object {
  const { namespace, name, image } = daemon;
  const mounts = [
    ...PROGRAM_FOLDERS.map((path) => ({ path, readOnly: true, source: { hostPath: { path } } })),
    ...Object.entries(pod.folders).map(([path, onNode]) => ({
      path,
      readOnly: false,
      source: { hostPath: { path: onNode, type: "DirectoryOrCreate" } },
    })),
    ...Object.entries(pod.configMaps ?? {}).map(([path, configMap]) => ({
      path,
      readOnly: true,
      source: { configMap: { name: configMap } },
    })),
  ];
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name, namespace, labels: pod.labels },
    spec: {
      selector: { matchLabels: pod.labels },
      template: {
        metadata: { labels: pod.labels },
        spec: {
          hostNetwork: true,
          priorityClassName: "system-node-critical",
          serviceAccountName: daemon.program,
          terminationGracePeriodSeconds: 5,
          tolerations: [{ operator: "Exists" }],
          containers: [
            {
              name,
              image,
              imagePullPolicy: "Never",
              args: pod.args,
              env: [{ name: "NODE_NAME", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } }, ...(pod.env ?? [])],
              securityContext: pod.securityContext,
              volumeMounts: mounts.map(({ path, readOnly }, i) => ({ name: `v${i}`, mountPath: path, readOnly })),
            },
          ],
          volumes: mounts.map(({ source }, i) => ({ name: `v${i}`, ...source })),
        },
      },
    },
  };
}

/** The service account of the daemon's pods, and what it may do in the whole cluster. */
export function daemonRights(
  { namespace, program }: Pick<Daemon, "namespace" | "program">,
  rules: readonly object[],
): readonly object[] {
  const api = "rbac.authorization.k8s.io";
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: program, namespace } },
    { apiVersion: `${api}/v1`, kind: "ClusterRole", metadata: { name: program }, rules },
    {
      apiVersion: `${api}/v1`,
      kind: "ClusterRoleBinding",
      metadata: { name: program },
      roleRef: { apiGroup: api, kind: "ClusterRole", name: program },
      subjects: [{ kind: "ServiceAccount", name: program, namespace }],
    },
  ];
}
