// What a peer answers to GET /api/v1/identity, checked: a peer may be of another version, or not a peer at all.
import { z } from "zod";
import { nodeName } from "../config/schema.ts";
import type { Addresses } from "../model/peer.ts";
import { checkAddresses, type AddressPolicy } from "./addresses.ts";

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

export interface IdentityAnswer {
  readonly nodeAddresses: Addresses;
  readonly relayed: ReadonlyMap<string, Addresses>;
  /** Addresses that are never probed. */
  readonly refused: readonly string[];
}

export interface IdentityExpectation extends AddressPolicy {
  readonly nodeName: string;
  /** No other node can have these. */
  readonly ownNodeAddresses: readonly string[];
}

/** Throws with what is wrong when the answer cannot be that node's identity. */
export function readIdentity(document: unknown, expected: IdentityExpectation): IdentityAnswer {
  const parsed = identityDocument.safeParse(document);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new Error(
      `the answer is no identity of schema version 1 (${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""})`,
    );
  }
  const { node, nodeAddresses, relayed } = parsed.data;
  if (node.name !== expected.nodeName)
    throw new Error(`node ${node.name} answered at the address listed for ${expected.nodeName}`);
  const refused: string[] = [];
  const accept = (claimed: z.infer<typeof addresses>): Addresses => {
    const checked = checkAddresses(
      [claimed.ipv4, claimed.ipv6].filter((a) => a !== undefined),
      expected,
    );
    refused.push(...checked.refused);
    return Object.fromEntries(
      Object.entries(checked.addresses).filter(([, address]) => !expected.ownNodeAddresses.includes(address)),
    );
  };
  return {
    nodeAddresses: accept(nodeAddresses),
    relayed: new Map(relayed.map((r) => [r.node, accept(r.nodeAddresses)])),
    refused,
  };
}
