// The one way files of others are read: whole, up to a limit, and as text whatever an editor put in front.
import { closeSync, openSync, readSync } from "node:fs";
import { open } from "node:fs/promises";

/** Far more than any file that somebody writes for an agent; less than what would hurt. */
export const MAX_FILE_BYTES = 8 * 1024 * 1024;

const CHUNK_BYTES = 64 * 1024;

/** Also of a pipe. Throws what the system says, or that the file is too large. */
export function readBytesSync(path: string, maxBytes = MAX_FILE_BYTES): Uint8Array {
  const fd = openSync(path, "r");
  try {
    const chunks: Uint8Array[] = [];
    for (let bytes = 0; ;) {
      const chunk = new Uint8Array(CHUNK_BYTES);
      const read = readSync(fd, chunk);
      if (read === 0) return Buffer.concat(chunks);
      chunks.push(chunk.subarray(0, read));
      if ((bytes += read) > maxBytes) throw tooLarge(path, maxBytes);
    }
  } finally {
    closeSync(fd);
  }
}

async function readBytes(path: string, maxBytes: number): Promise<Uint8Array> {
  await using file = await open(path, "r");
  const chunks: Uint8Array[] = [];
  for (let bytes = 0; ;) {
    const { bytesRead, buffer } = await file.read(new Uint8Array(CHUNK_BYTES));
    if (bytesRead === 0) return Buffer.concat(chunks);
    chunks.push(buffer.subarray(0, bytesRead));
    if ((bytes += bytesRead) > maxBytes) throw tooLarge(path, maxBytes);
  }
}

export const readText = async (path: string, maxBytes = MAX_FILE_BYTES): Promise<string> =>
  textOf(await readBytes(path, maxBytes));

export const readTextSync = (path: string, maxBytes = MAX_FILE_BYTES): string => textOf(readBytesSync(path, maxBytes));

/** UTF-8 with or without a byte order mark, which TextDecoder takes away. Throws for UTF-16, which is saved by mistake. */
export function textOf(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff))
    throw new Error("it is UTF-16; save it as UTF-8");
  return new TextDecoder().decode(bytes);
}

const tooLarge = (path: string, maxBytes: number): Error =>
  new Error(`${path} has more than ${maxBytes} bytes, which is more than is read`);
