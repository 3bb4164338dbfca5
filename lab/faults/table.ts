// The one table of faults.
import { conntrackFull } from "./conntrack-full.ts";
import { corrupt } from "./corrupt.ts";
import { delay } from "./delay.ts";
import { dns } from "./dns.ts";
import { drop } from "./drop.ts";
import { duplicate } from "./duplicate.ts";
import type { Fault, FaultContext, FaultKind, FaultSpec, InForce } from "./fault.ts";
import { filter } from "./filter.ts";
import { extraHop, misdirect, unroute } from "./forwarding.ts";
import { freeze } from "./freeze.ts";
import { kill } from "./kill.ts";
import { linkMtu, throttle } from "./link.ts";
import { loss } from "./loss.ts";
import { masquerade } from "./masquerade.ts";
import { mtu } from "./mtu.ts";
import { rack } from "./rack.ts";
import { neighboursFull } from "./neighbours-full.ts";
import { reject } from "./reject.ts";
import { reorder } from "./reorder.ts";
import { servicePath } from "./service-path.ts";
import { softnet } from "./softnet.ts";
import { starve } from "./starve.ts";
import { takeAddress } from "./take-address.ts";

export const FAULTS: { readonly [K in FaultKind]: FaultSpec<K> } = {
  loss,
  drop,
  delay,
  reorder,
  duplicate,
  corrupt,
  mtu,
  "link-mtu": linkMtu,
  throttle,
  filter,
  reject,
  unroute,
  misdirect,
  "extra-hop": extraHop,
  "take-address": takeAddress,
  masquerade,
  "service-path": servicePath,
  dns,
  "conntrack-full": conntrackFull,
  "neighbours-full": neighboursFull,
  softnet,
  rack,
  freeze,
  starve,
  kill,
};

export function injectFault(fault: Fault, context: FaultContext): Promise<InForce> {
  // The table pairs each kind with its own fault; the compiler cannot follow that through an index.
  return (FAULTS[fault.kind] as FaultSpec).inject(fault, context);
}
