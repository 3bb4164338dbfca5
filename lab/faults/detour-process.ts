// The process of the detour: reads frames that the underlay's ports divert to a TAP device, treats them, and writes
// them back, from where they go on to their port. Runs in the fabric's namespace; the lab speaks to it over IPC.
import { openTap } from "../../agent/kernel/tap.ts";
import { FrameQueue } from "./frame-queue.ts";
import { DETOUR_DEVICE, type ToDetour } from "./detour-messages.ts";
import type { FromFaultProcess } from "./fault-process.ts";

/** A frame of the underlay with room to spare. */
const FRAME_BYTES = 2_048;

const tap = openTap(DETOUR_DEVICE);
const nowMs = (): number => performance.now();
const queue = new FrameQueue({ emit: (frame) => tap.write(frame), nowMs, random: Math.random });
const room = new Uint8Array(FRAME_BYTES);
let timer: NodeJS.Timeout | undefined;

function drain(): void {
  for (let bytes = tap.read(room); bytes > 0; bytes = tap.read(room)) queue.take(room.slice(0, bytes));
  arm();
}

function arm(): void {
  clearTimeout(timer);
  const dueMs = queue.nextDueMs;
  if (dueMs === undefined) return;
  timer = setTimeout(
    () => {
      queue.release();
      arm();
    },
    Math.max(0, dueMs - nowMs()),
  );
}

const tell = (message: FromFaultProcess): void => void process.send!(message);

process.on("message", (message: ToDetour) => {
  // What has arrived is treated first: it was there before the message.
  drain();
  const before = queue.counters();
  switch (message.type) {
    case "faults":
      queue.setFaults(message.faults);
      break;
    case "flush":
      queue.flush();
      break;
    case "counters":
      break;
  }
  tell({ type: "counters", request: message.request, counters: { ...before, ...queue.counters() } });
});
// The lab's process is gone.
process.on("disconnect", () => process.exit(0));
tap.onReadable(drain);
tell({ type: "ready" });
