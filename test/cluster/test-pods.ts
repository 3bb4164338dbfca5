// A DaemonSet to look at a cluster with: one small program under Pod Security "restricted", with the one sysctl that
// lets it send ICMP, and a headless and an ordinary Service in front of it.
import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { Cluster } from "./cluster.ts";
import { run } from "./command.ts";
import { writeProgramImage } from "./oci-archive.ts";

const SOURCE = fileURLToPath(new URL("look", import.meta.url));
const IMAGE = "internode.test/look:1";
const NAMESPACE = "look";
const LABELS = { app: "look" };
const PORT = 8080;

export interface TestPod {
  readonly name: string;
  readonly node: string;
  readonly addresses: readonly string[];
  readonly nodeAddress: string;
}

export class TestPods {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** An archive to import into nodes that are added later. */
  get image(): string {
    return join(this.#cluster.folder, "look.tar");
  }

  async install(): Promise<void> {
    const program = join(this.#cluster.folder, "look");
    await run("go", ["build", "-C", SOURCE, "-buildvcs=false", "-o", program, "."], {
      env: { CGO_ENABLED: "0" },
      // With nothing cached Go compiles its standard library first, beside other suites.
      timeoutMs: 600_000,
    });
    await writeProgramImage(this.image, {
      reference: IMAGE,
      program: { name: "look", content: await readFile(program) },
    });
    // As people name it to `npm run cluster:up -- --image`.
    await this.#cluster.importImage(relative(process.cwd(), this.image));
    await this.#cluster.apply(...manifests());
    await this.rolledOut();
  }

  async rolledOut(): Promise<void> {
    await this.#kubectl("rollout", "status", "daemonset/look", "--timeout=110s");
  }

  async list(): Promise<readonly TestPod[]> {
    const { items } = JSON.parse(await this.#kubectl("get", "pods", "--output=json")) as {
      items: {
        metadata: { name: string };
        spec: { nodeName: string };
        status: { hostIP: string; podIPs: { ip: string }[] };
      }[];
    };
    return items.map(({ metadata, spec, status }) => ({
      name: metadata.name,
      node: spec.nodeName,
      addresses: status.podIPs.map(({ ip }) => ip),
      nodeAddress: status.hostIP,
    }));
  }

  /** Whether one ICMP echo from the pod is answered within two seconds. */
  async reaches(pod: TestPod, address: string): Promise<boolean> {
    return this.#exec(pod, "ping", address).then(
      () => true,
      (error: unknown) => {
        if (String(error).includes("no answer")) return false;
        throw error;
      },
    );
  }

  /** Over HTTP, from a pod: the name of the pod that answered. */
  fetch(pod: TestPod, host: string): Promise<string> {
    return this.get(pod, `http://${host}:${PORT}/`);
  }

  /** Over HTTP, from a pod, whatever is there. */
  get(pod: TestPod, url: string): Promise<string> {
    return this.#exec(pod, "fetch", url);
  }

  async endpoints(): Promise<readonly { readonly nodeName: string; readonly zone: string }[]> {
    const slices = JSON.parse(
      await this.#kubectl("get", "endpointslices", "--selector=kubernetes.io/service-name=look-peers", "--output=json"),
    ) as {
      items: { endpoints: { nodeName: string; zone: string }[] }[];
    };
    return slices.items.flatMap(({ endpoints }) => endpoints);
  }

  #exec(pod: TestPod, ...argv: readonly string[]): Promise<string> {
    return this.#kubectl("exec", pod.name, "--", "/look", ...argv);
  }

  #kubectl(...args: readonly string[]): Promise<string> {
    return this.#cluster.kubectl(["--namespace", NAMESPACE, ...args]);
  }
}

function manifests(): readonly object[] {
  const metadata = { name: "look", namespace: NAMESPACE };
  const ports = [{ name: "http", port: PORT }];
  const service = { selector: LABELS, ports, ipFamilyPolicy: "PreferDualStack" };
  return [
    {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: NAMESPACE, labels: { "pod-security.kubernetes.io/enforce": "restricted" } },
    },
    { apiVersion: "v1", kind: "Service", metadata, spec: service },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { ...metadata, name: "look-peers" },
      spec: { ...service, clusterIP: "None", publishNotReadyAddresses: true },
    },
    {
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      metadata,
      spec: { selector: { matchLabels: LABELS }, template: { metadata: { labels: LABELS }, spec: podSpec() } },
    },
  ];
}

function podSpec(): object {
  return {
    terminationGracePeriodSeconds: 1,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 65532,
      runAsGroup: 65532,
      seccompProfile: { type: "RuntimeDefault" },
      sysctls: [{ name: "net.ipv4.ping_group_range", value: "0 2147483647" }],
    },
    containers: [
      {
        name: "look",
        image: IMAGE,
        imagePullPolicy: "Never",
        args: ["serve", `:${PORT}`],
        readinessProbe: { tcpSocket: { port: PORT }, periodSeconds: 1 },
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        },
      },
    ],
  };
}
