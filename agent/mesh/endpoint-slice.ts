// EndpointSlices (discovery.k8s.io/v1) as far as the mesh reads them, and how many slices become one list of agents.
import * as z from "zod";
import { nodeName, zoneName } from "../config/schema.ts";
import type { Addresses, IpFamily } from "../model/peer.ts";
import type { Endpoint } from "./source.ts";

const text = z.string().max(253);

const sliceEndpoint = z.object({
  addresses: z.array(text).max(100),
  conditions: z
    .object({ ready: z.boolean().nullish(), serving: z.boolean().nullish(), terminating: z.boolean().nullish() })
    .nullish(),
  nodeName: text.nullish(),
  zone: text.nullish(),
  targetRef: z.object({ uid: text.nullish() }).nullish(),
});

export const endpointSlice = z.object({
  metadata: z.object({
    name: text.min(1),
    namespace: text,
    resourceVersion: z.string().max(64),
    labels: z.record(z.string(), z.string()).nullish(),
  }),
  addressType: z.string().max(32),
  // The API server allows 1000 in a slice.
  endpoints: z.array(sliceEndpoint).max(1_000).nullish(),
});

export type EndpointSlice = z.infer<typeof endpointSlice>;

export const SERVICE_NAME_LABEL = "kubernetes.io/service-name";

const FAMILIES: Readonly<Record<string, IpFamily>> = { IPv4: "ipv4", IPv6: "ipv6" };

interface Draft {
  readonly id: string;
  readonly name: string;
  zone: string;
  readonly addresses: Partial<Record<IpFamily, string>>;
  serving: boolean;
  terminating: boolean;
}

export interface ListedEndpoints {
  readonly endpoints: Endpoint[];
  /** What can be no peer, each with the reason. */
  readonly unusable: string[];
}

/**
 * One pod is an endpoint in a slice of each family, and for a moment in two slices of one family while the controller
 * moves it: its UID says that it is one. Terminating never ends, so it is true when any slice says so.
 */
export function endpointsOf(slices: Iterable<EndpointSlice>): ListedEndpoints {
  const drafts = new Map<string, Draft>();
  const unusable: string[] = [];
  for (const slice of slices) {
    const family = FAMILIES[slice.addressType];
    const where = `EndpointSlice ${slice.metadata.name}`;
    if (family === undefined) {
      unusable.push(`${where} lists addresses of type ${slice.addressType}; only IPv4 and IPv6 can be probed`);
      continue;
    }
    for (const listed of slice.endpoints ?? []) {
      const name = nodeName.safeParse(listed.nodeName).data;
      const [address] = listed.addresses;
      // Without a node there is no pair to measure.
      if (name === undefined || address === undefined) {
        unusable.push(`${address ?? "an endpoint without address"} in ${where} ${nodeFault(listed.nodeName, name)}`);
        continue;
      }
      const id = listed.targetRef?.uid ?? `node ${name}`;
      const key = `${name} ${id}`;
      const { serving, terminating } = conditionsOf(listed);
      const zone = zoneName.safeParse(listed.zone).data ?? "";
      const draft = drafts.get(key);
      if (!draft) {
        drafts.set(key, { id, name, zone, addresses: { [family]: address }, serving, terminating });
      } else {
        draft.addresses[family] ??= address;
        draft.serving ||= serving;
        draft.terminating ||= terminating;
        if (draft.zone === "") draft.zone = zone;
      }
    }
  }
  return { endpoints: [...drafts.values()].map(toEndpoint), unusable };
}

function nodeFault(said: string | null | undefined, name: string | undefined): string {
  if (name !== undefined) return `is on node ${name}`;
  return (said ?? "") === "" ? "has no node name" : `has the node name "${said}", which no node can have`;
}

const toEndpoint = ({ id, name, zone, addresses, serving, terminating }: Draft): Endpoint => ({
  node: { name, zone },
  id,
  podAddresses: addresses satisfies Addresses,
  nodeAddresses: {},
  serving,
  terminating,
});

/** `ready` is always true with publishNotReadyAddresses; `serving` tells. What is unknown counts as the API says it should. */
function conditionsOf({ conditions }: z.infer<typeof sliceEndpoint>): { serving: boolean; terminating: boolean } {
  return { serving: conditions?.serving ?? conditions?.ready ?? true, terminating: conditions?.terminating ?? false };
}
