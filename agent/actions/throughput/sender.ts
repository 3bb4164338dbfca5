// What the sending ends of TCP and UDP have in common.
import type { Sent } from "./report.ts";

export interface SenderOptions {
  readonly to: { readonly address: string; readonly port: number };
  /** 16 hex digits that the other end was opened with. */
  readonly session: string;
  readonly streams: number;
  readonly seconds: number;
  readonly messageBytes: number;
  readonly rateMbps: number;
}

export interface BulkSender extends Disposable {
  /** Its time is up, or it cannot go on. */
  readonly isOver: boolean;
  readonly error: Error | undefined;
  /** Send what is due. */
  tick(): void;
  /** So far. */
  sent(): Sent;
  /** Tell the other end that this is all; resolves when it has been told. */
  finish(): Promise<void>;
}
