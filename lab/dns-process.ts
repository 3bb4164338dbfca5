// The lab's cluster DNS: answers every question, and those of some clients wrongly, late or never. The lab speaks to it
// over IPC.
import { createSocket, type RemoteInfo } from "node:dgram";
import { DNS_ADDRESS, type DnsAnswer, type DnsFault, type ToDns } from "./dns-messages.ts";
import type { FromFaultProcess } from "./faults/fault-process.ts";

const HEADER_BYTES = 12;
const PORT = 53;
/** RFC 1035 §4.1.1: a response, recursion desired and available. */
const RESPONSE = 0x8180;
const SERVFAIL = 2;
const TYPE_A = 1;
/** What the API server's Service has in a cluster; no question is about it. */
const ADDRESS = Buffer.of(10, 96, 0, 1);

const socket = createSocket("udp4");
let faults: readonly DnsFault[] = [];
const counters = new Map<number, { matched: number; affected: number }>();

/** The question as it came, and for A an address; for AAAA none, as a cluster with IPv4 alone says. */
function reply(query: Buffer, answer: DnsAnswer | undefined): Buffer {
  const question = query.subarray(HEADER_BYTES, endOfQuestion(query));
  const isA = query.readUInt16BE(HEADER_BYTES + question.length - 4) === TYPE_A;
  const isFailure = answer?.kind === "servfail";
  const records = isA && !isFailure ? [record()] : [];
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(query.readUInt16BE(0), 0);
  header.writeUInt16BE(RESPONSE | (isFailure ? SERVFAIL : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(records.length, 6);
  return Buffer.concat([header, question, ...records]);
}

function endOfQuestion(query: Buffer): number {
  let at = HEADER_BYTES;
  while (query.readUInt8(at) > 0) at += 1 + query.readUInt8(at);
  return at + 5;
}

function record(): Buffer {
  // The name is a pointer to the question; type A, class IN, 30 s, four bytes.
  return Buffer.concat([Buffer.of(0xc0, HEADER_BYTES, 0, TYPE_A, 0, 1, 0, 0, 0, 30, 0, 4), ADDRESS]);
}

function answer(query: Buffer, { address, port }: RemoteInfo): void {
  const fault = faults.find(({ clients }) => clients.includes(address));
  if (fault) {
    const counted = counters.get(fault.id)!;
    counted.matched++;
    counted.affected++;
  }
  if (fault?.answer.kind === "silent") return;
  const bytes = reply(query, fault?.answer);
  const send = (): void => socket.send(bytes, port, address);
  if (fault?.answer.kind === "late") setTimeout(send, fault.answer.afterMs);
  else send();
}

socket.on("message", (query, from) => {
  try {
    answer(query, from);
  } catch (err) {
    // Whoever sends what is no question gets no answer.
    if (!(err instanceof RangeError)) throw err;
  }
});

const tell = (message: FromFaultProcess): void => void process.send!(message);

process.on("message", (message: ToDns) => {
  const before = Object.fromEntries([...counters].map(([id, counted]) => [id, { ...counted }]));
  if (message.type === "faults") {
    faults = message.faults;
    for (const id of counters.keys()) if (!faults.some((fault) => fault.id === id)) counters.delete(id);
    for (const { id } of faults) if (!counters.has(id)) counters.set(id, { matched: 0, affected: 0 });
  }
  tell({ type: "counters", request: message.request, counters: { ...before, ...Object.fromEntries(counters) } });
});
// The lab's process is gone.
process.on("disconnect", () => process.exit(0));
socket.bind(PORT, DNS_ADDRESS, () => tell({ type: "ready" }));
