// Random 32-bit numbers, cheap because drawn from the system in bulk.
import { getRandomValues } from "node:crypto";

const POOL = new Uint32Array(4096);
let next = POOL.length;

export function randomU32(): number {
  if (next === POOL.length) {
    getRandomValues(POOL);
    next = 0;
  }
  return POOL[next++]!;
}
