// kube-router's firewall on the pod networks of others: the chart's own NetworkPolicy is in force, lets every slot be
// answered, and keeps strangers out.
import { describe, expect, test } from "vitest";
import type { ClusterOptions } from "../../cluster/plan.ts";
import { CniMesh, STRANGERS_MAY, whatStrangersMay } from "./mesh.ts";

describe.each(["scripts", "flannel-vxlan", "flannel-host-gw"] satisfies ClusterOptions["cni"][])("on %s", (cni) => {
  test("every slot is answered by the default values, and a stranger's pod may scrape an agent, and neither ask it nor probe it", async () => {
    await using mesh = await CniMesh.open({ cni, policy: "kube-router" });
    const rules = await mesh.target.own.node("node-1").run(["iptables-save", "--table", "filter"]);
    expect(rules).toMatch(/KUBE-POD-FW-\S+ .*namespace: internode.* -j REJECT/);
    expect(await whatStrangersMay(mesh)).toEqual(STRANGERS_MAY);
  });
});
