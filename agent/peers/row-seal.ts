// A row's seal: with the shared key (that of UDP) an agent signs what it writes, so that nobody on the way can change
// it, or give an old one for a new one. The HMAC covers every byte of the row: its node, incarnation and time too.
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Row } from "../model/snapshot.ts";

/** HTTP header of /api/v1/pairs. */
export const SEAL_HEADER = "x-internode-seal";

/** A row written this long ago, or so far ahead of our clock, is not taken for today's. Node clocks differ by less. */
export const SEAL_VALID_MS = 30_000;

export class RowSeal {
  readonly #key: Uint8Array;

  constructor(sharedKey: Uint8Array) {
    // Not the key itself: what signs rows must not be able to sign packets, nor the other way round.
    this.#key = createHmac("sha256", sharedKey).update("internode row seal").digest();
  }

  /** Of the JSON as it is sent. */
  of(json: Uint8Array): string {
    return this.#mac(json).toString("hex");
  }

  /** Why the row does not count; undefined when its own agent has written it, and lately. */
  fault(written: {
    readonly json: Uint8Array;
    readonly row: Pick<Row, "at">;
    readonly seal: string | undefined;
  }): string | undefined {
    const { json, row, seal } = written;
    if (seal === undefined) return "it is not signed: its agent has no key, or is older than signed rows";
    const claimed = Buffer.from(seal, "hex");
    const mac = this.#mac(json);
    if (claimed.length !== mac.length || !timingSafeEqual(claimed, mac))
      return "its signature is wrong: it was changed on the way, or its agent has another key";
    const ageMs = Date.now() - Date.parse(row.at);
    if (Math.abs(ageMs) > SEAL_VALID_MS)
      return `it was written ${Math.round(Math.abs(ageMs) / 1_000)} s ${ageMs > 0 ? "ago" : "from now"} by its node's clock: an old row, or clocks that differ`;
    return undefined;
  }

  #mac(json: Uint8Array): Buffer {
    return createHmac("sha256", this.#key).update(json).digest();
  }
}
