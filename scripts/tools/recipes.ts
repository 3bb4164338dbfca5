// How each foreign program that the cluster, the chart's tests and the end-to-end suite run is built from its
// Go module. Versions are pinned in versions.json and nowhere else.
import { COREDNS_MAIN, FLANNELD_MAIN } from "./mains.ts";
import versions from "./versions.json" with { type: "json" };

export type ToolName = keyof typeof versions;

export interface Recipe {
  readonly module: string;
  readonly version: string;
  /** Name of the program → the package it is built from. None: only `share` is wanted, and nothing is compiled. */
  readonly programs: Readonly<Record<string, string>>;
  readonly tags?: readonly string[];
  readonly ldflags?: string;
  /**
   * Version for modules that live in the same repository and that the module replaces by a folder (`=> ./…`):
   * a module's own replacements do not count for those who build it from outside.
   */
  readonly siblings?: string;
  /** A folder of the module kept beside the programs, as `share`: what belongs to them and is no program. */
  readonly share?: string;
  /** A main package of our own (mains.ts) instead of the module's. */
  readonly main?: { readonly program: string; readonly source: string };
}

const kubernetesVersion = versions.kubernetes.slice(1).split(".");

export const RECIPES: Readonly<Record<ToolName, Recipe>> = {
  kubernetes: {
    module: "k8s.io/kubernetes",
    version: versions.kubernetes,
    programs: {
      "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
      "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
      "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
      "kube-proxy": "k8s.io/kubernetes/cmd/kube-proxy",
      kubelet: "k8s.io/kubernetes/cmd/kubelet",
      kubectl: "k8s.io/kubernetes/cmd/kubectl",
    },
    // Without these the server calls itself v0.0.0, and Helm's kubeVersion checks fail.
    ldflags: [
      `-X k8s.io/component-base/version.gitVersion=${versions.kubernetes}`,
      `-X k8s.io/component-base/version.gitMajor=${kubernetesVersion[0]}`,
      `-X k8s.io/component-base/version.gitMinor=${kubernetesVersion[1]}`,
    ].join(" "),
    siblings: versions.kubernetes.replace("v1.", "v0."),
  },
  containerd: {
    module: "github.com/containerd/containerd/v2",
    version: versions.containerd,
    programs: {
      containerd: "github.com/containerd/containerd/v2/cmd/containerd",
      "containerd-shim-runc-v2": "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
      ctr: "github.com/containerd/containerd/v2/cmd/ctr",
    },
    tags: ["no_btrfs", "no_zfs", "no_devmapper", "no_aufs"],
    ldflags: `-X github.com/containerd/containerd/v2/version.Version=${versions.containerd}`,
  },
  etcd: {
    module: "go.etcd.io/etcd/server/v3",
    version: versions.etcd,
    programs: { etcd: "go.etcd.io/etcd/server/v3" },
  },
  coredns: {
    module: "github.com/coredns/coredns",
    version: versions.coredns,
    programs: {},
    main: { program: "coredns", source: COREDNS_MAIN },
  },
  helm: {
    module: "helm.sh/helm/v4",
    version: versions.helm,
    programs: { helm: "helm.sh/helm/v4/cmd/helm" },
    ldflags: `-X helm.sh/helm/v4/internal/version.version=${versions.helm}`,
  },
  helm3: {
    module: "helm.sh/helm/v3",
    version: versions.helm3,
    programs: { helm3: "helm.sh/helm/v3/cmd/helm" },
    // Without the last two it takes every cluster that it is not connected to for Kubernetes 1.20.
    ldflags: [
      `-X helm.sh/helm/v3/internal/version.version=${versions.helm3}`,
      `-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=${kubernetesVersion[0]}`,
      `-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=${kubernetesVersion[1]}`,
    ].join(" "),
  },
  prometheus: {
    module: "github.com/prometheus/prometheus",
    version: versions.prometheus,
    programs: {
      prometheus: "github.com/prometheus/prometheus/cmd/prometheus",
      promtool: "github.com/prometheus/prometheus/cmd/promtool",
    },
    tags: ["remove_all_sd", "enable_kubernetes_sd", "enable_file_sd"],
  },
  "prometheus-operator": {
    module: "github.com/prometheus-operator/prometheus-operator",
    version: versions["prometheus-operator"],
    programs: { "prometheus-operator": "github.com/prometheus-operator/prometheus-operator/cmd/operator" },
    siblings: versions["prometheus-operator"],
    // The definitions of its kinds (CRDs).
    share: "example/prometheus-operator-crd",
  },
  cilium: {
    module: "github.com/cilium/cilium",
    version: versions.cilium,
    programs: {},
    // The definitions of its kinds (CRDs).
    share: "pkg/k8s/apis/cilium.io/client/crds/v2",
  },
  flannel: {
    module: "github.com/flannel-io/flannel",
    version: versions.flannel,
    programs: {},
    main: { program: "flanneld", source: FLANNELD_MAIN },
  },
  // For clusters of tests only: the modules it is built from have known vulnerabilities.
  "kube-router": {
    module: "github.com/cloudnativelabs/kube-router/v2",
    version: versions["kube-router"],
    programs: { "kube-router": "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router" },
  },
  actionlint: {
    module: "github.com/rhysd/actionlint",
    version: versions.actionlint,
    programs: { actionlint: "github.com/rhysd/actionlint/cmd/actionlint" },
  },
};
