// Whether this machine's connection tracking table is full: then EPERM is our own fault and no policy's.
import { readFileSync } from "node:fs";
import type { ConntrackState } from "./kernel-events.ts";

const TABLE = "/proc/sys/net/netfilter/nf_conntrack_";
/** Entries come and go between the refusal and this look, so nearly full is full. */
const FULL_SHARE = 0.99;

export function conntrackState(read: (path: string) => string = (path) => readFileSync(path, "utf8")): ConntrackState {
  try {
    const entries = Number(read(`${TABLE}count`));
    const room = Number(read(`${TABLE}max`));
    return entries >= room * FULL_SHARE ? "full" : "not-full";
  } catch {
    return "not-full"; // no connection tracking in this network namespace
  }
}
