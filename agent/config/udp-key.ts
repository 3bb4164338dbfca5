// The shared key of UDP probes. Its bytes are taken as they are: all agents mount the same Secret.
import { readBytesSync } from "../base/files.ts";

/** Throws for a file that holds no key: authentication by nothing is none. */
export function readUdpKey(path: string, read: (path: string) => Uint8Array = readBytesSync): Uint8Array {
  const key = read(path);
  if (Buffer.from(key).toString("latin1").trim() === "") throw new Error(`${path} is empty`);
  return key;
}
