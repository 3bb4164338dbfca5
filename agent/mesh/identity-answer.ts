// What a peer answers to GET /api/v1/identity, checked: a peer may be of another version, or not a peer at all.
import * as z from "zod";
import { parseIp } from "../base/ip.ts";
import { nodeName } from "../config/schema.ts";
import { IP_FAMILIES, type Addresses, type IpFamily } from "../model/peer.ts";

const family = z.string().max(64).optional();
const addresses = z.object({ ipv4: family, ipv6: family });

/** Unknown keys are let through: a newer peer may say more. */
const identityDocument = z.object({
  schemaVersion: z.literal(1),
  node: z.object({ name: nodeName }),
  nodeAddresses: addresses,
  relayed: z
    .array(z.object({ node: nodeName, nodeAddresses: addresses }))
    .max(5_000)
    .default([]),
});

/** Addresses are as they were said, those that are some in one spelling: membership judges them. */
export interface IdentityAnswer {
  readonly nodeName: string;
  readonly nodeAddresses: Addresses;
  readonly relayed: ReadonlyMap<string, Addresses>;
}

/** Throws with what is wrong when the answer is no identity. */
export function readIdentity(document: unknown): IdentityAnswer {
  const parsed = identityDocument.safeParse(document);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new Error(
      `the answer is no identity of schema version 1 (${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""})`,
    );
  }
  const { node, nodeAddresses, relayed } = parsed.data;
  return {
    nodeName: node.name,
    nodeAddresses: oneSpelling(nodeAddresses),
    relayed: new Map(relayed.map((r) => [r.node, oneSpelling(r.nodeAddresses)])),
  };
}

function oneSpelling(said: z.infer<typeof addresses>): Addresses {
  const spelled: Partial<Record<IpFamily, string>> = {};
  for (const family of IP_FAMILIES) {
    const text = said[family];
    if (text !== undefined && text !== "") spelled[family] = parseIp(text)?.text ?? text;
  }
  return spelled;
}
