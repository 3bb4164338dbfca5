// A row in few bytes, for judges: the head as JSON, what was measured as numbers, 17 to 64 bytes a slot where JSON takes
// about 400. It is read straight into evidence, without an object a slot. Everything is checked before anything is
// taken over: a broken or lying row becomes a missing one, whole.
//
// Little endian. "INR1"; head: u32 length, JSON; names of destinations: u16 count, of each u8 length, UTF-8;
// addresses that reflectors saw: u8 count, of each u8 length, octets; slots: u32 count, of each u16 destination, u8 path,
// u16 probes, u16 failures, u16 parts, u8 length of what follows, and the parts in the order of PARTS: who does not know
// the later of them passes them over; path MTU: u32 count, of each u16 destination, u8 path, u16 passes, u16 shortfall.
import { ipFromBytes, parseIp } from "../base/ip.ts";
import type { Node } from "../model/peer.ts";
import type { SlotCounts } from "../model/slot-counts.ts";
import type { Row, RowHead } from "../model/snapshot.ts";
import { ByteReader, ByteWriter } from "./row-bytes.ts";
import { excerpt, faults, rowHeadSchema, RowError } from "./schema.ts";
import { pathByte, PATHS, SlotReader, writeSlot, type Path } from "./slot-bytes.ts";

export const COMPACT_TYPE = "application/vnd.internode.row";

const MAGIC = "INR1";
/** A reflector behind address translation may tell many; what is over is left out. */
const MOST_ADDRESSES = 255;
const MOST_HEAD_BYTES = 4 * 1024 * 1024;

export function encodeRow(row: Row): Buffer {
  const { pairs, pathMtu, udpReceived: _received, covered: _covered, ...head } = row;
  const out = new ByteWriter();
  out.text(MAGIC);
  const json = Buffer.from(JSON.stringify(head));
  out.u32(json.length);
  out.bytes(json);
  const names = new Map<string, number>();
  for (const { destination } of [...pairs, ...pathMtu])
    if (!names.has(destination.name)) names.set(destination.name, names.size);
  out.u16(names.size);
  for (const name of names.keys()) {
    const bytes = Buffer.from(name);
    out.u8(bytes.length);
    out.bytes(bytes);
  }
  const addresses = [...new Set(pairs.flatMap(({ seenAs }) => seenAs ?? []))].slice(0, MOST_ADDRESSES);
  out.u8(addresses.length);
  for (const address of addresses) {
    const { bytes } = parseIp(address)!;
    out.u8(bytes.length);
    out.bytes(bytes);
  }
  out.u32(pairs.length);
  for (const pair of pairs) writeSlot(out, pair, { destination: names.get(pair.destination.name)!, addresses });
  out.u32(pathMtu.length);
  for (const mtu of pathMtu) {
    out.u16(names.get(mtu.destination.name)!);
    out.u8(pathByte({ ...mtu, protocol: "icmp" }));
    out.u16(mtu.passesBytes);
    out.u16(mtu.shortfallBytes);
  }
  return out.take();
}

/** What takes a row's slots (diagnosis/evidence/builder.ts). */
export interface SlotSink {
  /** Its number of the pair to this destination; -1: nobody it knows. */
  pair(destination: string): number;
  path(path: Path): PathSink;
}

export interface PathSink {
  /** `counts` is another slot's after this call. */
  slot(pair: number, counts: SlotCounts): void;
  pathMtu(pair: number, mtu: { readonly passesBytes: number; readonly shortfallBytes: number }): void;
}

/** A checked row, held as it came. */
export interface CompactRow {
  readonly head: RowHead;
  /** Ordered pairs that it tells of. */
  readonly pairs: number;
  tell(sink: SlotSink): void;
}

/** The row of `node`, or RowError. */
export function readCompactRow(bytes: Buffer, node: Pick<Node, "name">): CompactRow {
  try {
    return checkedRow(bytes, node);
  } catch (err) {
    if (err instanceof RangeError) throw new RowError("its compact row ends too early");
    throw err;
  }
}

function checkedRow(bytes: Buffer, node: Pick<Node, "name">): CompactRow {
  const input = new ByteReader(bytes);
  const magic = input.text(MAGIC.length);
  if (magic !== MAGIC) throw new RowError(`it is no compact row: "${excerpt(bytes.toString("latin1", 0, 80))}"`);
  const headBytes = input.u32();
  if (headBytes > MOST_HEAD_BYTES) throw new RowError(`its head has ${headBytes} bytes`);
  const head = headOf(input.text(headBytes));
  if (head.source.name !== node.name) throw new RowError(`it answered as node '${excerpt(head.source.name)}'`);
  const count = input.u16();
  // Each takes at least its length, so that a number alone takes no memory.
  if (count > input.left) throw new RowError("its compact row ends too early");
  const names = Array.from({ length: count }, () => input.text(input.u8()));
  if (new Set(names).size !== count || names.includes(node.name))
    throw new RowError("it names a destination twice, or itself");
  const addresses = Array.from({ length: input.u8() }, () => addressOf(input.bytes(input.u8())));
  const body = { bytes, from: input.at, names, addresses };
  checkBody(body);
  return { head, pairs: count, tell: (sink) => tellBody(body, sink) };
}

/** Slots and path MTU. */
interface Body {
  readonly bytes: Buffer;
  /** Where slots begin. */
  readonly from: number;
  readonly names: readonly string[];
  readonly addresses: readonly string[];
}

function checkBody({ bytes, from, names, addresses }: Body): void {
  const input = new ByteReader(bytes, from);
  const slot = new SlotReader(input, addresses);
  const told = new Uint8Array(names.length * PATHS.length);
  for (let left = input.u32(); left > 0; left--) {
    slot.next();
    checkName(names, slot.destination, slot.path);
    const key = slot.destination * PATHS.length + slot.path;
    if (told[key] === 1)
      throw new RowError(`it tells ${excerpt(names[slot.destination]!)}, ${PATHS[slot.path]!.protocol} twice`);
    told[key] = 1;
    slot.check();
  }
  for (let left = input.u32(); left > 0; left--) {
    checkName(names, input.u16(), input.u8());
    input.pass(4);
  }
  if (input.left > 0) throw new RowError(`its compact row has ${input.left} bytes too many`);
}

function checkName(names: readonly string[], destination: number, path: number): void {
  if (destination >= names.length || path >= PATHS.length)
    throw new RowError("its row is invalid: a slot of no destination, or of no network, protocol and family");
}

function tellBody({ bytes, from, names, addresses }: Body, sink: SlotSink): void {
  const input = new ByteReader(bytes, from);
  const slot = new SlotReader(input, addresses);
  const pairs = names.map((name) => sink.pair(name));
  const paths: (PathSink | undefined)[] = PATHS.map(() => undefined);
  const pathOf = (path: number): PathSink => (paths[path] ??= sink.path(PATHS[path]!));
  for (let left = input.u32(); left > 0; left--) {
    slot.next();
    const pair = pairs[slot.destination]!;
    if (pair >= 0) pathOf(slot.path).slot(pair, slot);
  }
  for (let left = input.u32(); left > 0; left--) {
    const pair = pairs[input.u16()]!;
    const path = input.u8();
    const mtu = { passesBytes: input.u16(), shortfallBytes: input.u16() };
    if (pair >= 0) pathOf(path).pathMtu(pair, mtu);
  }
}

function addressOf(bytes: Buffer): string {
  if (bytes.length !== 4 && bytes.length !== 16) throw new RowError("its row is invalid: an address that is none");
  return ipFromBytes(bytes).text;
}

function headOf(json: string): RowHead {
  let said: unknown;
  try {
    said = JSON.parse(json);
  } catch {
    throw new RowError(`the head of its row is not JSON: "${excerpt(json)}"`);
  }
  const checked = rowHeadSchema.safeParse(said);
  if (!checked.success) throw new RowError(`its row is invalid: ${faults(checked.error)}`);
  return checked.data as RowHead;
}
