// The answering end of TCP and UDP for a far namespace in which many peers live: far.worker.ts ADDRESSES [ask]
// Prints "ready". With `ask`, the near agent's address, it probes back by UDP and TCP as every peer would, so that the
// agent has as many to answer and to remember.
import { setInterval as every } from "node:timers";
import { systemClock } from "../../agent/kernel/clock.ts";
import type { TcpHandshake } from "../../agent/kernel/kernel.ts";
import { deferAccept } from "../../agent/kernel/listening-socket.ts";
import { openLinuxKernel } from "../../agent/kernel/linux.ts";
import { tcpResponder } from "../../agent/reflector/tcp-responder.ts";
import { udpReflector } from "../../agent/reflector/udp-reflector.ts";
import { id64, nodeHash, StampFormat } from "../../agent/wire/stamp.ts";

const PORT = 7_843;
const PACKET_BYTES = 512;
/** What fits a cable's 1,500 bytes. */
const MAX_PACKET_BYTES = 1_500;
const TICK_MS = 2;
const ASK_EVERY_MS = 5_000;
/** Small, for there may be a thousand sockets. */
const RECEIVE_BUFFER_BYTES = 65_536;

const addresses = process.argv[2]!.split(",");
const clock = systemClock();
const kernel = openLinuxKernel(clock);
// A peer each: they share neither what has arrived nor a sequence.
const reflectors = addresses.map((address, i) =>
  udpReflector({
    kernel,
    clock,
    port: PORT,
    listen: [{ family: "ipv4", address }],
    incarnation: i.toString(16).padStart(16, "f"),
    maxPacketBytes: MAX_PACKET_BYTES,
    isFrom: () => true,
    nodeOf: () => undefined,
  }),
);
await tcpResponder({ port: PORT, addresses: [], deferAccept });
every(() => reflectors.forEach((reflector) => reflector.drain()), addresses.length > 250 ? 10 * TICK_MS : TICK_MS);
if (process.argv[3] !== undefined) askBack(process.argv[3]);
console.log("ready");

/** One probe from each address to `agent` every five seconds, spread evenly, as peer node-1, node-2 … would send. */
function askBack(agent: string): void {
  const format = new StampFormat({ baseSeconds: clock.baseSeconds });
  const batch = kernel.createBatch(1, PACKET_BYTES);
  const to = kernel.socketAddress(agent, PORT);
  const peers = addresses.map((address, i) => ({
    socket: kernel.openUdp({ family: "ipv4", port: 0, address, receiveBufferBytes: RECEIVE_BUFFER_BYTES }),
    source: nodeHash(`node-${i + 1}`),
    address,
    next: 1,
  }));
  let turn = 0;
  let opened: TcpHandshake | undefined;
  every(() => {
    const peer = peers[turn++ % peers.length]!;
    const number = peer.next++;
    format.encodeRequest(batch.room(0).subarray(0, PACKET_BYTES), {
      sequence: number,
      port: 0,
      slot: 0,
      number,
      nonceHigh: 1,
      nonceLow: number,
      network: "pod",
      family: "ipv4",
      smallReply: false,
      sentNs: clock.realtimeNs(),
      incarnation: id64("0011223344556677"),
      source: peer.source,
    });
    batch.prepare(0, PACKET_BYTES, to);
    peer.socket.send(batch, 0, 1);
    while (peer.socket.receive(batch) > 0);
    // As a tick later every prober does.
    opened?.[Symbol.dispose]();
    const handshake = kernel.connect(to, { from: peer.address });
    opened = "errno" in handshake ? undefined : handshake;
  }, ASK_EVERY_MS / peers.length);
}
