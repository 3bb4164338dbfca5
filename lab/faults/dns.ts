import { LabError } from "../machine.ts";
import type { FaultSpec } from "./fault.ts";

export const dns: FaultSpec<"dns"> = {
  syntax: "dns NODE silent|servfail|DELAY",
  summary: "cluster DNS gives a node's pod no answer, a failure, or an answer that late",
  example: "dns node-2 servfail",
  affected: "answered so",
  inject({ nodes, answer, text }, { id, dnsServer }) {
    if (!dnsServer) throw new LabError(`'${text}': this lab has no DNS server`);
    return dnsServer.add({ id, clients: nodes.map(({ nodeAddresses }) => nodeAddresses[0]!), answer });
  },
};
