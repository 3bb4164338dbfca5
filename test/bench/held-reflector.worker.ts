// Answers pings on a TAP device after a hold, and logs how long it really held each: held-reflector.worker.ts ADDRESS HOLD_MS STOP_FILE
// It never sleeps: a wake-up would be a hold that nobody logged. Prints "ready", and the log when STOP_FILE appears.
import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { openTap } from "../../agent/kernel/tap.ts";
import { internetChecksum } from "../../agent/wire/icmp.ts";

const DEVICE = "held0";
const ETHERNET_BYTES = 14;
const LOOK_FOR_STOP_EVERY_NS = 50e6;
/** A burst is over when nothing has come for so long; far less than the hold. */
const QUIET_NS = 200e3;
const ROOMS = 256;
const ROOM_BYTES = 2_048;

/** One echo: the hold from reading the request to writing the reply. */
export interface Held {
  readonly sequence: number;
  readonly heldNs: number;
  /**
   * The longest that nobody looked since there was last nothing to read. It may have waited longer, behind the frames of
   * a burst that were read before it; that counts against the prober.
   */
  readonly unseenNs: number;
  /** The kernel took the reply at some time within this. */
  readonly writingNs: number;
}

const [address, holdMs, stopFile] = [process.argv[2]!, Number(process.argv[3]), process.argv[4]!];
using tap = openTap(DEVICE);
const network = address.split(".").slice(0, 3).join(".");
for (const line of [
  `addr add ${network}.1/24 dev ${DEVICE}`,
  `link set ${DEVICE} up`,
  `neigh add ${address} lladdr 02:00:00:00:00:02 dev ${DEVICE}`,
])
  execFileSync("ip", line.split(" "));

const holdNs = holdMs * 1e6;
/**
 * Frames that were read and not looked at yet. Looking at one takes longer than sending the next of a burst: done
 * between two reads, it would hide when that came. What is noted of a read is therefore noted of every read, in place,
 * so that the code and its data are warm when a frame comes: an object a frame cost 14 µs after the first of a burst.
 */
const rooms = Array.from({ length: ROOMS }, () => new Uint8Array(ROOM_BYTES));
const unread = {
  count: 0,
  lengths: new Uint16Array(ROOMS),
  readNs: new Float64Array(ROOMS),
  unseenNs: new Float64Array(ROOMS),
};
const waiting: { frame: Uint8Array; readNs: number; unseenNs: number }[] = [];
const log: Held[] = [];
const nowNs = () => Math.round(performance.now() * 1e6);
console.log("ready");

let lookedNs = nowNs();
let lastReadNs = lookedNs;
let lastCameNs = lookedNs;
let unseenNs = 0;
/** There was nothing to read the last time. */
let dry = true;
for (;;) {
  const at = unread.count;
  const length = tap.read(rooms[at]!);
  const readNs = nowNs();
  const came = length > 0;
  const lookedAwayNs = readNs - lastReadNs;
  lastReadNs = readNs;
  unseenNs = dry || lookedAwayNs > unseenNs ? lookedAwayNs : unseenNs;
  dry = !came;
  unread.lengths[at] = length;
  unread.readNs[at] = readNs;
  unread.unseenNs[at] = unseenNs;
  unread.count += came ? 1 : 0;
  lastCameNs = came ? readNs : lastCameNs;
  if (unread.count === ROOMS || (unread.count > 0 && readNs - lastCameNs >= QUIET_NS)) acceptUnread();
  const oldest = waiting[0];
  if (oldest !== undefined && readNs - oldest.readNs >= holdNs) {
    waiting.shift();
    const writtenNs = nowNs();
    tap.write(oldest.frame);
    log.push({
      sequence: sequenceOf(oldest.frame),
      heldNs: writtenNs - oldest.readNs,
      unseenNs: oldest.unseenNs,
      writingNs: nowNs() - writtenNs,
    });
  }
  if (readNs - lookedNs > LOOK_FOR_STOP_EVERY_NS) {
    lookedNs = readNs;
    if (statSync(stopFile, { throwIfNoEntry: false }) !== undefined) break;
  }
}
console.log(JSON.stringify(log));

function acceptUnread(): void {
  for (let i = 0; i < unread.count; i++) {
    const when = { readNs: unread.readNs[i]!, unseenNs: unread.unseenNs[i]! };
    accept(rooms[i]!.subarray(0, unread.lengths[i]), when);
  }
  unread.count = 0;
}

/** An echo request becomes its reply, ready to be written; anything else is none of ours. */
function accept(request: Uint8Array, when: { readonly readNs: number; readonly unseenNs: number }): void {
  if (request[12] !== 0x08 || request[13] !== 0x00 || request[ETHERNET_BYTES + 9] !== 1) return;
  const frame = request.slice();
  const icmp = frame.subarray(ETHERNET_BYTES + (frame[ETHERNET_BYTES]! & 0x0f) * 4);
  if (icmp[0] !== 8) return;
  swap(frame, [0, 6], 6);
  swap(frame, [ETHERNET_BYTES + 12, ETHERNET_BYTES + 16], 4);
  icmp[0] = icmp[2] = icmp[3] = 0;
  const checksum = internetChecksum(icmp);
  icmp[2] = checksum >> 8;
  icmp[3] = checksum & 0xff;
  waiting.push({ frame, ...when });
}

function sequenceOf(frame: Uint8Array): number {
  const icmp = ETHERNET_BYTES + (frame[ETHERNET_BYTES]! & 0x0f) * 4;
  return (frame[icmp + 6]! << 8) | frame[icmp + 7]!;
}

function swap(bytes: Uint8Array, [a, b]: readonly [number, number], length: number): void {
  const first = bytes.slice(a, a + length);
  bytes.copyWithin(a, b, b + length);
  bytes.set(first, b);
}
