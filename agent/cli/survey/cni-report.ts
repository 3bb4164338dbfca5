import { counted } from "../../base/format.ts";
import type { V1Node } from "@kubernetes/client-node";
import { KINDS, valueOf, whyNot, type Objects } from "../cluster/objects.ts";
import { items, text, type Report, type Section } from "../report/report.ts";
import type { Unreached } from "../sources.ts";
import { flannelDetails, kubeRouterDetails, ovnDetails } from "./cni-details/annotated.ts";
import { calicoDetails } from "./cni-details/calico.ts";
import {
  antreaDetails,
  awsDetails,
  azureDetails,
  ciliumDetails,
  kubeOvnDetails,
  weaveDetails,
} from "./cni-details/custom.ts";
import { NOTHING, type Details, type DetailsOf } from "./cni-details/details.ts";
import type { CniName } from "./cni-table.ts";
import { surveyCni } from "./cni.ts";
import { cniTable, unseenSection } from "./topology-report.ts";

/** kindnet keeps nothing in the cluster: routes of the nodes are all it has. */
const DETAILS: Readonly<Record<CniName, DetailsOf>> = {
  calico: calicoDetails,
  flannel: flannelDetails,
  cilium: ciliumDetails,
  weave: weaveDetails,
  antrea: antreaDetails,
  "kube-ovn": kubeOvnDetails,
  "kube-router": kubeRouterDetails,
  "ovn-kubernetes": ovnDetails,
  kindnet: () => Promise.resolve(NOTHING),
  aws: awsDetails,
  azure: azureDetails,
  gke: ciliumDetails,
};

export async function cniReport(objects: Objects | Unreached): Promise<Report> {
  if ("why" in objects) return unseenReport([`the API server was not asked: ${objects.why}`]);
  const listed = await objects.list<V1Node>(KINDS.nodes);
  const { found, signs, unseen } = await surveyCni(objects, valueOf(listed) ?? []);
  const missing = [...(listed.kind === "read" ? [] : [`nodes were not seen: ${whyNot(listed)}`]), ...unseen];
  if (found.length === 0 && missing.length > 0) return unseenReport(missing);
  const details = await Promise.all(
    found.map(async (cni) => ({ cni, own: await DETAILS[cni.name]({ objects, signs: signs.get(cni.name)! }) })),
  );
  const faults = details.flatMap(({ cni, own }) => [
    ...((cni.ready ?? 0) < (cni.wanted ?? 0) ? [`${cni.title} is ready on ${cni.ready} of ${cni.wanted} nodes`] : []),
    ...own.faults.map((fault) => `${cni.title}: ${fault}`),
  ]);
  const names = found.map(({ title }) => title).join(" and ");
  return {
    title: "cni",
    headline:
      found.length === 0
        ? "No CNI that is known by sight: neither annotations of nodes nor DaemonSets name one."
        : `${names}: ${faults.length === 0 ? "nothing wrong by its own word" : counted(faults.length, "fault")}.`,
    isFault: faults.length > 0,
    sections: [
      ...(found.length === 0 ? [] : [{ title: "CNI", blocks: [cniTable(found)] }]),
      ...details.map(({ cni, own }) => detailSection(cni.title, own)),
      ...(faults.length === 0
        ? []
        : [{ title: "Faults", blocks: [items(faults.map((fault) => ({ mark: "broken" as const, text: fault })))] }]),
      ...unseenSection([...missing, ...details.flatMap(({ own }) => own.unseen)]),
    ],
    data: {
      cnis: details.map(({ cni, own }) => ({ ...cni, details: own.data })),
      faults,
      unseen: [...missing, ...details.flatMap(({ own }) => own.unseen)],
    },
  };
}

const detailSection = (title: string, { blocks }: Details): Section => ({
  title,
  blocks:
    blocks.length > 0
      ? blocks
      : [text("It keeps nothing in the cluster's objects; what it made are routes of the nodes.")],
});

const unseenReport = (unseen: readonly string[]): Report => ({
  title: "cni",
  headline: "The CNI could not be seen.",
  isFault: true,
  sections: unseenSection(unseen),
  data: { cnis: [], faults: [], unseen },
});
