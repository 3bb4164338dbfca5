// Answers pings on a TAP device after a hold, and logs how long it really held each: held-reflector.worker.ts ADDRESS HOLD_MS STOP_FILE
// It never sleeps: a wake-up would be a hold that nobody logged. Prints "ready", and the log when STOP_FILE appears.
import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { openTap } from "../../agent/kernel/tap.ts";
import { internetChecksum } from "../../agent/wire/icmp.ts";

const DEVICE = "held0";
const ETHERNET_BYTES = 14;
const LOOK_FOR_STOP_EVERY_NS = 50e6;

/** One echo: the hold from reading the request to writing the reply. */
export interface Held {
  readonly sequence: number;
  readonly heldNs: number;
  /** It may have come this much before it was read. */
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
/** Frames that were read and not looked at yet: looking at one between two reads would hide when the next came. */
const rooms = Array.from({ length: 256 }, () => new Uint8Array(2_048));
const unread: { length: number; readNs: number; unseenNs: number }[] = [];
const waiting: { frame: Uint8Array; readNs: number; unseenNs: number }[] = [];
const log: Held[] = [];
const nowNs = () => Math.round(performance.now() * 1e6);
console.log("ready");

let lookedNs = nowNs();
/** Since this moment all that came has been read. */
let dryNs = lookedNs;
for (;;) {
  const length = tap.read(rooms[unread.length]!);
  const readNs = nowNs();
  // It came at some time since there was nothing to read: usually some microseconds ago.
  if (length > 0) unread.push({ length, readNs, unseenNs: readNs - dryNs });
  else dryNs = readNs;
  if (length > 0 && unread.length < rooms.length) continue;
  for (const [i, { length: bytes, ...when }] of unread.entries()) accept(rooms[i]!.subarray(0, bytes), when);
  unread.length = 0;
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
