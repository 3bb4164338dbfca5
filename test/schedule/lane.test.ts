import { describe, expect, test } from "vitest";
import { Lane, type LaneFailure } from "../../agent/schedule/lane.ts";
import { FakeClock } from "../support/fake-clock.ts";

class Part implements Disposable {
  disposed = 0;
  [Symbol.dispose](): void {
    this.disposed++;
  }
}

function setUp(open: (attempt: number) => Part | Promise<Part> = () => new Part()) {
  const clock = new FakeClock();
  const told: ({ opened: Part } | { closing: Part } | { closed: LaneFailure })[] = [];
  const parts: Part[] = [];
  const tries = { made: 0 };
  const lane = new Lane<Part>({
    name: "icmp",
    clock,
    async open() {
      const part = await open(++tries.made);
      parts.push(part);
      return part;
    },
    opened: (part) => void told.push({ opened: part }),
    closing: (part) => void told.push({ closing: part }),
    closed: (failure) => void told.push({ closed: failure }),
  });
  /** Ticks until it has been opened, or tried to be, once more. */
  const again = async () => {
    const before = tries.made;
    for (let i = 0; i < 70 && tries.made === before; i++) {
      clock.advanceMs(1_000);
      lane.tick(clock.monotonicNs());
    }
    await new Promise(setImmediate);
    expect(tries.made).toBe(before + 1);
  };
  return { clock, lane, told, parts, again };
}
const broken = (message: string) => () => {
  throw new Error(message);
};

describe("a lane", () => {
  test("passes on what its part answers", async () => {
    const { lane, told } = setUp();
    await lane.open();
    expect(lane.run(() => 7)).toBe(7);
    expect([lane.failures, lane.failure]).toEqual([0, undefined]);
    expect(told).toHaveLength(1);
  });

  test("that throws is closed, tells why, and does nothing until it is opened again", async () => {
    const { lane, told, parts, again, clock } = setUp();
    await lane.open();
    expect(lane.run(broken("EBADF"))).toBeUndefined();
    expect(parts[0]!.disposed).toBe(1);
    expect(lane.failure?.error.message).toBe("EBADF");
    expect(lane.run(() => 7)).toBeUndefined();
    expect(lane.openAgainNs - clock.monotonicNs()).toBeLessThanOrEqual(2e9);
    expect(told.slice(1)).toEqual([{ closing: parts[0] }, { closed: { error: new Error("EBADF"), isNew: true } }]);
    await again();
    expect(lane.part).toBe(parts[1]);
    expect([lane.failures, lane.failure]).toEqual([1, undefined]);
    expect(lane.run(() => 7)).toBe(7);
  });

  test("that cannot be opened is tried again, ever more seldom, and at least once a minute", async () => {
    const { lane, again, clock } = setUp((attempt) => {
      if (attempt < 12) throw new Error(`EACCES ${attempt}`);
      return new Part();
    });
    await lane.open();
    const waits: number[] = [];
    for (let i = 1; i < 12; i++) {
      waits.push((lane.openAgainNs - clock.monotonicNs()) / 1e9);
      await again();
    }
    expect(Math.max(...waits)).toBeLessThanOrEqual(60);
    expect(lane.part).toBeDefined();
    expect(lane.failures).toBe(11);
  });

  test("names each kind of fault once, numbers aside, however often it comes", async () => {
    const { lane, told, again } = setUp();
    await lane.open();
    for (const message of ["port 1 is taken", "port 2 is taken", "no memory", "port 3 is taken"]) {
      lane.run(broken(message));
      await again();
    }
    expect(told.flatMap((t) => ("closed" in t ? [t.closed.isNew] : []))).toEqual([true, false, true, false]);
    expect(lane.failures).toBe(4);
  });

  test("that throws while it is told of its part being there is closed too", async () => {
    const clock = new FakeClock();
    const part = new Part();
    const lane = new Lane<Part>({ name: "udp", clock, open: () => part, opened: broken("no slot") });
    await lane.open();
    expect([lane.part, part.disposed, lane.failure?.error.message]).toEqual([undefined, 1, "no slot"]);
  });

  test("whose part cannot even be closed is closed", async () => {
    const clock = new FakeClock();
    const lane = new Lane({ name: "udp", clock, open: () => ({ [Symbol.dispose]: broken("EBADF") }) });
    await lane.open();
    lane.run(broken("first"));
    expect(lane.failure?.error.message).toBe("first");
    lane[Symbol.dispose]();
    expect(lane.part).toBeUndefined();
  });

  test("disposed while it is being opened leaves nothing open, and is not opened again", async () => {
    const { promise, resolve } = Promise.withResolvers<Part>();
    const { lane, clock } = setUp(() => promise);
    const opening = lane.open();
    lane[Symbol.dispose]();
    const part = new Part();
    resolve(part);
    await opening;
    expect(part.disposed).toBe(1);
    clock.advanceMs(100_000);
    lane.tick(clock.monotonicNs());
    expect(lane.part).toBeUndefined();
  });
});
