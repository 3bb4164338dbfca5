// etcd, API server, controller manager and scheduler in a machine of their own, and the way in for kubectl.
import { existsSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeKubeconfig, type CertificateAuthority } from "./certificates.ts";
import { Component } from "./component.ts";
import type { Machine } from "./machine.ts";
import { isIPv6, type ClusterPlan } from "./plan.ts";
import { until } from "./until.ts";

export type Programs = Readonly<Record<string, string>>;

export const CONTROL_PLANE = "control-plane";
const API_PORT = 6443;
const FORWARD = fileURLToPath(new URL("forward.ts", import.meta.url));

interface ControlPlanePlan {
  readonly machine: Machine;
  readonly plan: ClusterPlan;
  readonly programs: Programs;
  readonly authority: CertificateAuthority;
}

/** Starts etcd and the API server and carries its port out; returns its address for the machine we run on. */
export async function startApiServer({ machine, plan, programs, authority }: ControlPlanePlan): Promise<string> {
  const { addresses } = plan.controlPlane;
  await new Component(machine, "etcd").start({
    argv: [
      programs["etcd"]!,
      "--data-dir=/var/lib/etcd",
      "--listen-client-urls=http://127.0.0.1:2379",
      "--advertise-client-urls=http://127.0.0.1:2379",
      "--listen-peer-urls=http://127.0.0.1:2380",
      "--unsafe-no-fsync",
      "--logger=zap",
      "--log-level=warn",
    ],
  });
  const names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"];
  const own = ["127.0.0.1", plan.apiServiceAddress, ...addresses];
  const server = await authority.server("apiserver", [...names, ...own]);
  const toKubelets = await authority.client("apiserver-kubelet", {
    user: "kube-apiserver",
    groups: ["system:masters"],
  });
  const tokens = await authority.tokenKey();
  await new Component(machine, "kube-apiserver").start({
    argv: [
      programs["kube-apiserver"]!,
      "--etcd-servers=http://127.0.0.1:2379",
      `--service-cluster-ip-range=${plan.serviceCidrs.join(",")}`,
      `--advertise-address=${addresses[0]}`,
      "--bind-address=::", // both families
      `--secure-port=${API_PORT}`,
      "--allow-privileged=true",
      "--authorization-mode=Node,RBAC",
      "--enable-admission-plugins=NodeRestriction",
      `--client-ca-file=${authority.certificate}`,
      `--tls-cert-file=${server.certificate}`,
      `--tls-private-key-file=${server.key}`,
      `--kubelet-client-certificate=${toKubelets.certificate}`,
      `--kubelet-client-key=${toKubelets.key}`,
      "--kubelet-preferred-address-types=InternalIP",
      "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
      `--service-account-signing-key-file=${tokens.key}`,
      `--service-account-key-file=${tokens.certificate}`,
    ],
  });
  return carryOut(machine);
}

/** The API server must be ready: both give up when it is not. */
export async function startControllers({ machine, plan, programs, authority }: ControlPlanePlan): Promise<void> {
  const kubeconfig = async (user: string): Promise<string> => {
    const file = join(authority.folder, `${user.replace(":", "-")}.kubeconfig`);
    const server = `https://127.0.0.1:${API_PORT}`;
    await writeKubeconfig(file, {
      server,
      authority,
      client: await authority.client(user.replace(":", "-"), { user }),
    });
    return file;
  };
  const tokens = join(authority.folder, "tokens.key");
  await new Component(machine, "kube-controller-manager").start({
    argv: [
      programs["kube-controller-manager"]!,
      `--kubeconfig=${await kubeconfig("system:kube-controller-manager")}`,
      "--leader-elect=false",
      "--use-service-account-credentials=true", // each controller with its own rights, as kubeadm has it
      "--allocate-node-cidrs=true",
      `--cluster-cidr=${plan.podCidrs.join(",")}`,
      `--service-cluster-ip-range=${plan.serviceCidrs.join(",")}`,
      `--service-account-private-key-file=${tokens}`,
      `--root-ca-file=${authority.certificate}`,
    ],
  });
  await new Component(machine, "kube-scheduler").start({
    argv: [
      programs["kube-scheduler"]!,
      `--kubeconfig=${await kubeconfig("system:kube-scheduler")}`,
      "--leader-elect=false",
    ],
  });
}

/** Where kubelets and pods of the cluster find the API server. */
export function apiServerAddress({ controlPlane }: ClusterPlan): string {
  const [address] = controlPlane.addresses;
  return `https://${isIPv6(address!) ? `[${address}]` : address}:${API_PORT}`;
}

/** Network namespace → Unix socket → a port of ours that nobody else has. */
async function carryOut(machine: Machine): Promise<string> {
  const socket = join(machine.folder, "api.sock");
  const inside = join(machine.folder, "forward-inside.ready");
  const outside = join(machine.folder, "forward-outside.ready");
  await Promise.all([socket, inside, outside].map((file) => rm(file, { force: true })));
  await new Component(machine, "forward-inside").start({
    argv: [process.execPath, FORWARD, socket, `127.0.0.1:${API_PORT}`, inside],
  });
  await new Component(machine, "forward-outside").start({
    place: "outside",
    argv: [process.execPath, FORWARD, "127.0.0.1:0", socket, outside],
  });
  await until("the API server's port to be carried out", () => existsSync(inside) && existsSync(outside));
  return `https://${readFileSync(outside, "utf8")}`;
}
