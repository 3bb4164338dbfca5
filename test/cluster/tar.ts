// Writes a tar file of plain files in the POSIX ustar format: same input, same bytes.
export interface TarEntry {
  /** At most 100 bytes. */
  readonly name: string;
  readonly content: Buffer;
  readonly mode: number;
}

const BLOCK_BYTES = 512;

export function tar(entries: readonly TarEntry[]): Buffer {
  const parts = entries.flatMap((entry) => {
    const padding = (BLOCK_BYTES - (entry.content.length % BLOCK_BYTES)) % BLOCK_BYTES;
    return [header(entry), entry.content, Buffer.alloc(padding)];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK_BYTES)]);
}

function header({ name, content, mode }: TarEntry): Buffer {
  if (Buffer.byteLength(name) > 100) throw new RangeError(`tar entry name over 100 bytes: ${name}`);
  const block = Buffer.alloc(BLOCK_BYTES);
  block.write(name, 0);
  block.write(octal(mode, 8), 100);
  block.write(octal(0, 8), 108); // owner
  block.write(octal(0, 8), 116); // group
  block.write(octal(content.length, 12), 124);
  block.write(octal(0, 12), 136); // time of change: none, for the same bytes each time
  block.write("        ", 148); // the checksum counts its own field as blanks
  block.write("0", 156); // regular file
  block.write("ustar\u000000", 257);
  let checksum = 0;
  for (const byte of block) checksum += byte;
  block.write(`${checksum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, "0")}\0`;
}
