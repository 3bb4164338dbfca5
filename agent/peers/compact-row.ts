// A row in few bytes, for judges: the head as JSON, what was measured as numbers, 17 to 60 bytes a slot where JSON takes
// about 400. It is read straight into evidence, without an object a slot. Everything is checked before anything is
// taken over: a broken or lying row becomes a missing one, whole.
//
// Little endian. "INR1"; head: u32 length, JSON; names of destinations: u16 count, of each u8 length, UTF-8;
// addresses that reflectors saw: u8 count, of each u8 length, octets; slots: u32 count, of each u16 destination, u8 path,
// u16 probes, u16 failures, u16 parts, u8 length of what follows, and the parts in the order of PARTS: who does not know
// the later of them passes them over; path MTU: u32 count, of each u16 destination, u8 path, u16 passes, u16 shortfall.
import { ipFromBytes, parseIp } from "../base/ip.ts";
import { IP_FAMILIES, NETWORKS, type IpFamily, type Network, type Node, type Protocol } from "../model/peer.ts";
import { countsOf, type SlotCounts } from "../model/slot-counts.ts";
import type { PairWindow, Row, RowHead } from "../model/snapshot.ts";
import { ByteReader, ByteWriter } from "./row-bytes.ts";
import { excerpt, faults, rowHeadSchema, RowFault } from "./schema.ts";

export const COMPACT_TYPE = "application/vnd.internode.row";

const MAGIC = "INR1";
/** A reflector behind address translation may tell many; what is over is left out. */
const MOST_ADDRESSES = 255;
const MOST_HEAD_BYTES = 4 * 1024 * 1024;
const MOST_DELAY_NS = 3_600e9;

/** What a slot tells besides probes and failures, as far as there is something. A bit each, in this order; new ones at the end. */
const PARTS = {
  reasons: 1,
  refusals: 2,
  retransmits: 4,
  directions: 8,
  delays: 16,
  lostSeconds: 32,
  ports: 64,
  hops: 128,
  hopsThere: 256,
  hopsChange: 512,
  seenAs: 1_024,
} as const;

/** What stands for them; a newer one goes to the end. */
const PROTOCOLS: readonly Protocol[] = ["icmp", "tcp", "udp"];

export interface Path {
  readonly network: Network;
  readonly protocol: Protocol;
  readonly family: IpFamily;
}

const pathByte = ({ network, protocol, family }: Path): number =>
  NETWORKS.indexOf(network) | (IP_FAMILIES.indexOf(family) << 1) | (PROTOCOLS.indexOf(protocol) << 2);

const PATHS: readonly (Path | undefined)[] = Array.from({ length: 256 }, (_, byte) => {
  const [network, family, protocol] = [NETWORKS[byte & 1], IP_FAMILIES[(byte >> 1) & 1], PROTOCOLS[byte >> 2]];
  return network && family && protocol ? { network, protocol, family } : undefined;
});

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

function writeSlot(
  out: ByteWriter,
  pair: PairWindow,
  { destination, addresses }: { readonly destination: number; readonly addresses: readonly string[] },
): void {
  const counts = countsOf(pair);
  const { blocked = 0, unreachable = 0, refusals = 0, retransmits = 0, lostForward = 0, lostReverse = 0 } = counts;
  const { rttMeanNs, rttMinNs, lostSeconds, ports, hops, hopsThere, hopsChangedAt } = counts;
  const seenAs = counts.seenAs === undefined ? -1 : addresses.indexOf(counts.seenAs);
  const parts =
    (blocked + unreachable > 0 ? PARTS.reasons : 0) |
    (refusals > 0 ? PARTS.refusals : 0) |
    (retransmits > 0 ? PARTS.retransmits : 0) |
    (lostForward + lostReverse > 0 ? PARTS.directions : 0) |
    (rttMeanNs !== undefined && rttMinNs !== undefined ? PARTS.delays : 0) |
    (lostSeconds ? PARTS.lostSeconds : 0) |
    (ports ? PARTS.ports : 0) |
    (hops !== undefined ? PARTS.hops : 0) |
    (hopsThere !== undefined ? PARTS.hopsThere : 0) |
    (hopsChangedAt !== undefined ? PARTS.hopsChange : 0) |
    (seenAs >= 0 ? PARTS.seenAs : 0);
  out.u16(destination);
  out.u8(pathByte(pair));
  out.u16(counts.probes);
  out.u16(counts.failures);
  out.u16(parts);
  const lengthAt = out.reserve();
  if (parts & PARTS.reasons) {
    out.u16(blocked);
    out.u16(unreachable);
  }
  if (parts & PARTS.refusals) out.u16(refusals);
  if (parts & PARTS.retransmits) out.u16(retransmits);
  if (parts & PARTS.directions) {
    out.u16(lostForward);
    out.u16(lostReverse);
  }
  if (parts & PARTS.delays) {
    out.f32(rttMeanNs!);
    out.f32(rttMinNs!);
  }
  if (lostSeconds) for (const word of lostSeconds) out.u32(word);
  if (ports) {
    out.u8(ports.probes.length);
    for (let port = 0; port < ports.probes.length; port++) {
      out.u8(ports.probes[port]!);
      out.u8(ports.failures[port]!);
    }
  }
  if (hops !== undefined) out.u8(hops);
  if (hopsThere !== undefined) out.u8(hopsThere);
  if (hopsChangedAt !== undefined) {
    out.u8(counts.hopsBefore ?? 0);
    out.u8(counts.hopsThereBefore ?? 0);
    out.u32(hopsChangedAt);
  }
  if (seenAs >= 0) out.u8(seenAs);
  out.fillLength(lengthAt);
}

/** What takes a row's slots (diagnosis/evidence/builder.ts). */
export interface SlotSink {
  slot(destination: string, path: Path, counts: SlotCounts): void;
  pathMtu(
    destination: string,
    path: Path,
    mtu: { readonly passesBytes: number; readonly shortfallBytes: number },
  ): void;
}

/** A checked row, held as it came. */
export interface CompactRow {
  readonly head: RowHead;
  /** Ordered pairs that it tells of. */
  readonly pairs: number;
  tell(sink: SlotSink): void;
}

/** The row of `node`, or RowFault. */
export function readCompactRow(bytes: Buffer, node: Pick<Node, "name">): CompactRow {
  try {
    return new CheckedRow(bytes, node);
  } catch (err) {
    if (err instanceof RangeError) throw new RowFault("its compact row ends too early");
    throw err;
  }
}

class CheckedRow implements CompactRow {
  readonly pairs: number;
  readonly head: RowHead;
  readonly #bytes: Buffer;
  readonly #names: readonly string[];
  readonly #addresses: readonly string[];
  readonly #body: number;

  constructor(bytes: Buffer, node: Pick<Node, "name">) {
    const input = new ByteReader(bytes);
    const magic = input.text(MAGIC.length);
    if (magic !== MAGIC) throw new RowFault(`it is no compact row: "${excerpt(bytes.toString("latin1", 0, 80))}"`);
    const headBytes = input.u32();
    if (headBytes > MOST_HEAD_BYTES) throw new RowFault(`its head has ${headBytes} bytes`);
    this.head = headOf(input.text(headBytes));
    if (this.head.source.name !== node.name)
      throw new RowFault(`it answered as node '${excerpt(this.head.source.name)}'`);
    const count = input.u16();
    // Each takes at least its length, so that a number alone takes no memory.
    if (count > input.left) throw new RowFault("its compact row ends too early");
    this.#names = Array.from({ length: count }, () => input.text(input.u8()));
    if (new Set(this.#names).size !== count || this.#names.includes(node.name))
      throw new RowFault("it names a destination twice, or itself");
    this.#addresses = Array.from({ length: input.u8() }, () => addressOf(input.bytes(input.u8())));
    this.#bytes = bytes;
    this.#body = input.at;
    this.pairs = count;
    readBody(input, { names: this.#names, addresses: this.#addresses }, undefined);
    if (input.left > 0) throw new RowFault(`its compact row has ${input.left} bytes too many`);
  }

  tell(sink: SlotSink): void {
    readBody(new ByteReader(this.#bytes, this.#body), { names: this.#names, addresses: this.#addresses }, sink);
  }
}

function addressOf(bytes: Buffer): string {
  if (bytes.length !== 4 && bytes.length !== 16) throw new RowFault("its row is invalid: an address that is none");
  return ipFromBytes(bytes).text;
}

function headOf(json: string): RowHead {
  let said: unknown;
  try {
    said = JSON.parse(json);
  } catch {
    throw new RowFault(`the head of its row is not JSON: "${excerpt(json)}"`);
  }
  const checked = rowHeadSchema.safeParse(said);
  if (!checked.success) throw new RowFault(`its row is invalid: ${faults(checked.error)}`);
  return checked.data as RowHead;
}

/** Without a sink it only checks. */
function readBody(
  input: ByteReader,
  { names, addresses }: { readonly names: readonly string[]; readonly addresses: readonly string[] },
  sink: SlotSink | undefined,
): void {
  const told = new Set<number>();
  for (let left = input.u32(); left > 0; left--) {
    const { destination, path, key } = readSlotName(input, names);
    const counts = readCounts(input, addresses);
    if (sink) sink.slot(destination, path, counts);
    else {
      if (told.has(key)) throw new RowFault(`it tells ${excerpt(destination)}, ${path.protocol} twice`);
      told.add(key);
      check(counts);
    }
  }
  for (let left = input.u32(); left > 0; left--) {
    const { destination, path } = readSlotName(input, names);
    const mtu = { passesBytes: input.u16(), shortfallBytes: input.u16() };
    sink?.pathMtu(destination, path, mtu);
  }
}

function readCounts(input: ByteReader, addresses: readonly string[]): SlotCounts {
  const [probes, failures, parts] = [input.u16(), input.u16(), input.u16()];
  const has = (part: keyof typeof PARTS): boolean => (parts & PARTS[part]) !== 0;
  const bytes = input.u8();
  const end = input.at + bytes;
  const counts = {
    probes,
    failures,
    ...(has("reasons") && { blocked: input.u16(), unreachable: input.u16() }),
    ...(has("refusals") && { refusals: input.u16() }),
    ...(has("retransmits") && { retransmits: input.u16() }),
    ...(has("directions") && { lostForward: input.u16(), lostReverse: input.u16() }),
    ...(has("delays") && { rttMeanNs: input.f32(), rttMinNs: input.f32() }),
    ...(has("lostSeconds") && { lostSeconds: [input.u32(), input.u32()] as const }),
    ...(has("ports") && { ports: readPorts(input) }),
    ...(has("hops") && { hops: input.u8() }),
    ...(has("hopsThere") && { hopsThere: input.u8() }),
    ...(has("hopsChange") && {
      hopsBefore: input.u8() || undefined,
      hopsThereBefore: input.u8() || undefined,
      hopsChangedAt: input.u32(),
    }),
    ...(has("seenAs") && { seenAs: addresses[input.u8()] }),
  };
  if (input.at > end) throw new RowFault("its row is invalid: a slot that says more than it is long");
  // What a newer agent says besides.
  input.bytes(end - input.at);
  return counts;
}

function readPorts(input: ByteReader): NonNullable<SlotCounts["ports"]> {
  const count = input.u8();
  const bytes = input.bytes(2 * count);
  const probes = new Uint8Array(count);
  const failures = new Uint8Array(count);
  for (let port = 0; port < count; port++) {
    probes[port] = bytes[2 * port]!;
    failures[port] = bytes[2 * port + 1]!;
  }
  return { probes, failures };
}

/** The same that a row as JSON must keep to (schema.ts). */
function check(counts: SlotCounts): void {
  const { probes, failures, refusals = 0, blocked = 0, unreachable = 0, lostForward = 0, lostReverse = 0 } = counts;
  if (failures + refusals > probes) throw new RowFault("its row is invalid: more failures and refusals than probes");
  if (lostForward + lostReverse > failures || blocked + unreachable > failures)
    throw new RowFault("its row is invalid: more packets with a direction or a reason than failures");
  const { rttMeanNs, rttMinNs, ports } = counts;
  if (rttMeanNs !== undefined && rttMinNs !== undefined) {
    const inOrder = rttMinNs >= 0 && rttMinNs <= rttMeanNs * (1 + 1e-6) + 1 && rttMeanNs <= MOST_DELAY_NS;
    if (!inOrder || failures + refusals >= probes) throw new RowFault("its row is invalid: an RTT that cannot be");
  }
  for (let port = 0; port < (ports?.probes.length ?? 0); port++)
    if (ports!.failures[port]! > ports!.probes[port]!)
      throw new RowFault("its row is invalid: more failures than probes of a source port");
}

function readSlotName(
  input: ByteReader,
  names: readonly string[],
): { readonly destination: string; readonly path: Path; readonly key: number } {
  const number = input.u16();
  const byte = input.u8();
  const [destination, path] = [names[number], PATHS[byte]];
  if (destination === undefined || path === undefined)
    throw new RowFault("its row is invalid: a slot of no destination, or of no network, protocol and family");
  return { destination, path, key: number * 256 + byte };
}
