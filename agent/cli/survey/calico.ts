// Calico's own objects, in either of its two API groups: the CRDs, or the native ones of its API server.
import { valueOf, type Kind, type Objects, type Reading } from "../cluster/objects.ts";
import type { CalicoPool } from "./cni-table.ts";

export interface CalicoObject<S> {
  readonly metadata?: { readonly name?: string };
  readonly spec?: S;
}

const GROUPS = [
  { group: "crd.projectcalico.org", version: "v1" },
  { group: "projectcalico.org", version: "v3" },
] as const;

/** Of the first group that has the kind. */
export async function listCalico<T>(objects: Objects, plural: string): Promise<Reading<readonly T[]>> {
  let first: Reading<readonly T[]> | undefined;
  for (const group of GROUPS) {
    const kind: Kind = { ...group, plural };
    const reading = await objects.list<T>(kind);
    const value = valueOf(reading);
    if (value !== undefined && value.length > 0) return reading;
    if (first === undefined || first.kind === "absent") first = reading;
  }
  return first!;
}

export async function calicoPools(objects: Objects): Promise<Reading<readonly CalicoPool[]>> {
  const reading = await listCalico<CalicoObject<Omit<CalicoPool, "name">>>(objects, "ippools");
  if (reading.kind !== "read") return reading;
  return {
    kind: "read",
    value: reading.value.map(({ metadata, spec }) => ({ ...spec, name: metadata?.name ?? "", cidr: spec?.cidr ?? "" })),
  };
}
