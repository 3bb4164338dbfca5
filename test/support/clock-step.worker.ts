// Steps the machine's wall clock by whole seconds, a line of stdin each, and takes all of it back when stdin closes:
// when the test has ended, however it ended. ADJ_SETOFFSET (clock_adjtime(2)) adds to the clock, so what is added and
// taken away again leaves exactly what there was.
import { createInterface } from "node:readline";
import koffi from "koffi";

const adjtimex = koffi.load("libc.so.6").func("int adjtimex(void *)") as (timex: Uint8Array) => number;
const ADJ_SETOFFSET = 0x0100;
/** struct timex of 64-bit Linux: modes at 0, time at 72 (seconds, microseconds). */
const TIMEX_BYTES = 208;
const TIME_OFFSET = 72;

let steppedSeconds = 0;

function step(seconds: number): void {
  const timex = Buffer.alloc(TIMEX_BYTES);
  timex.writeUInt32LE(ADJ_SETOFFSET, 0);
  timex.writeBigInt64LE(BigInt(seconds), TIME_OFFSET);
  // Otherwise the clock's state (TIME_OK = 0, TIME_ERROR = 5 …), all of which are fine.
  if (adjtimex(timex) < 0)
    throw new Error(
      `adjtimex(ADJ_SETOFFSET, ${seconds} s) failed with errno ${koffi.errno()}: stepping the clock needs CAP_SYS_TIME`,
    );
  steppedSeconds += seconds;
}

// Nothing but the end of stdin ends this process before the clock is right again.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
process.stdout.on("error", () => {});
for await (const line of createInterface({ input: process.stdin })) {
  step(Number(line));
  process.stdout.write("stepped\n");
}
if (steppedSeconds !== 0) step(-steppedSeconds);
