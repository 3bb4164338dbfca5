// What every protocol of every engine keeps to. A subject says how to set up a world with two peers and how to break
// the path to one of them; what a protocol cannot show is named with its reason and skipped.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Outcome } from "../../agent/model/outcome.ts";
import type { Slot } from "../../agent/model/slot.ts";
import type { Prober } from "../../agent/probes/prober.ts";
import type { RecordingSink } from "../support/recording-sink.ts";

export const FAULTS = [
  "lost",
  "refused",
  "unreachable",
  "blocked",
  "late",
  "duplicate",
  "corrupt",
  "foreign",
  "local",
] as const;
/** What happens to the probes of `World.peer`. `foreign`: only a reply from another address comes. */
export type Fault = (typeof FAULTS)[number];

export interface World extends AsyncDisposable {
  readonly prober: Prober;
  readonly sink: RecordingSink;
  readonly timeoutMs: number;
  /** Both answer until something is broken. */
  readonly peer: Slot;
  readonly healthy: Slot;
  /** Break the path to `peer` only. */
  breakPath(fault: Fault): Promise<void>;
  /** Let time pass, with ticks. */
  run(ms: number): Promise<void>;
}

export interface Subject {
  readonly name: string;
  open(): Promise<World>;
  /** What cannot be shown here, and why. */
  readonly cannot: Partial<Record<Fault | "skipped", string>>;
  /** A mix of answers and losses on many slots; `losses` is what the network says it dropped. */
  readonly many?: () => Promise<World & { readonly slots: readonly Slot[]; losses(): number }>;
}

/** `declare`: vitest's describe, or one that skips. */
export function contract(subject: Subject, declare = describe): void {
  declare(`the contract of ${subject.name}`, () => {
    let world: World;
    beforeEach(async () => {
      world = await subject.open();
      world.prober.open(world.peer);
      world.prober.open(world.healthy);
    });
    afterEach(async () => {
      world.prober[Symbol.dispose]();
      await world[Symbol.asyncDispose]();
    });

    /** A case that needs a fault, or says why it cannot have it. */
    const withFault = (fault: Fault, sentence: string, run: () => Promise<void>, reason = subject.cannot[fault]) => {
      const skipped = reason === undefined ? "" : ` [not to be shown: ${reason}]`;
      test.runIf(reason === undefined)(`${sentence}${skipped}`, async () => {
        await world.breakPath(fault);
        await run();
        expect(world.prober.outstanding).toBe(0);
      });
    };

    async function probe(...slots: readonly Slot[]): Promise<void> {
      world.prober.send(slots);
      await until(world, () => world.prober.outstanding === 0);
    }

    test("a slot that is open and not yet probed has no outcome", async () => {
      await world.run(30);
      expect(world.sink.events).toEqual([]);
      expect(world.prober.outstanding).toBe(0);
    });

    test("a probe that is answered has a round-trip time above zero and below the timeout", async () => {
      // A peer that follows up on its answer does so with the next one.
      for (let probes = 1, enough = 2; world.sink.delays(world.peer).length === 0; probes++) {
        const pauseMs = await longestPauseMs(async () => {
          await world.run(30);
          await probe(world.peer);
        });
        const kinds = world.sink.outcomes(world.peer).map(({ kind }) => kind);
        expect(kinds).toEqual(Array.from({ length: probes }, () => "answered"));
        // A process that had no turn for long knows that an answer came, not when: that probe does not count.
        if (pauseMs > STARVED_MS) enough++;
        if (probes >= enough) break;
      }
      const [delay] = world.sink.delays(world.peer);
      expect(delay?.rttNs).toBeGreaterThan(0);
      expect(delay?.rttNs).toBeLessThan(world.timeoutMs * 1e6);
    });

    withFault("lost", "a probe that is lost has failed as timeout, once, after the timeout", async () => {
      world.prober.send([world.peer]);
      await world.run(world.timeoutMs / 2);
      expect(world.sink.outcomes(world.peer)).toEqual([]);
      await until(world, () => world.prober.outstanding === 0);
      await world.run(world.timeoutMs);
      expect(world.sink.outcomes(world.peer)).toEqual([{ kind: "failed", reason: "timeout" }]);
    });

    const outcomes: readonly (readonly [Fault, string, Outcome])[] = [
      ["refused", "a refusal is a refusal and no failure", { kind: "refused" }],
      ["unreachable", "an unreachable peer has failed as unreachable", { kind: "failed", reason: "unreachable" }],
      ["blocked", "a probe that a policy answers has failed as blocked", { kind: "failed", reason: "blocked" }],
    ];
    for (const [fault, sentence, outcome] of outcomes) {
      withFault(fault, sentence, async () => {
        await probe(world.peer);
        expect(world.sink.outcomes(world.peer)).toEqual([outcome]);
      });
      withFault(fault, `a peer that is ${fault} never harms the probe of a healthy one`, async () => {
        for (let round = 0; round < 4; round++) await probe(world.peer, world.healthy);
        expect(world.sink.outcomes(world.healthy).map((o) => o.kind)).toEqual([
          "answered",
          "answered",
          "answered",
          "answered",
        ]);
        expect(world.sink.localErrors(world.healthy)).toEqual([]);
        expect(world.sink.outcomes(world.peer)).toEqual([outcome, outcome, outcome, outcome]);
      });
    }

    withFault("late", "a reply after the timeout is an anomaly; its probe has failed and stays so", async () => {
      await probe(world.peer);
      await until(world, () => world.sink.anomalies(world.peer).length > 0);
      expect(world.sink.outcomes(world.peer)).toEqual([{ kind: "failed", reason: "timeout" }]);
      expect(world.sink.anomalies(world.peer)).toEqual(["late"]);
    });

    withFault("duplicate", "a second reply is an anomaly beside one answer", async () => {
      await probe(world.peer);
      await until(world, () => world.sink.anomalies(world.peer).length > 0);
      expect(world.sink.outcomes(world.peer).map((o) => o.kind)).toEqual(["answered"]);
      expect(world.sink.anomalies(world.peer)).toEqual(["duplicate"]);
    });

    withFault("corrupt", "a reply with a bit error is an anomaly and no answer", async () => {
      await probe(world.peer);
      expect(world.sink.outcomes(world.peer)).toEqual([{ kind: "failed", reason: "timeout" }]);
      expect(world.sink.anomalies(world.peer)).toEqual(["corrupt"]);
    });

    withFault("foreign", "a reply from another address is ignored", async () => {
      await probe(world.peer);
      expect(world.sink.outcomes(world.peer)).toEqual([{ kind: "failed", reason: "timeout" }]);
      expect(world.sink.anomalies(world.peer)).toEqual([]);
    });

    withFault("local", "what our own machine could not send is a local error and no probe", async () => {
      await probe(world.peer);
      expect(world.sink.outcomes(world.peer)).toEqual([]);
      expect(world.sink.localErrors(world.peer)).toHaveLength(1);
    });

    withFault(
      "lost",
      "a slot with a probe outstanding is skipped, and counted as skipped",
      async () => {
        world.prober.send([world.peer]);
        world.prober.send([world.peer]);
        expect(world.sink.skips(world.peer)).toBe(1);
        await until(world, () => world.prober.outstanding === 0);
        expect(world.sink.outcomes(world.peer)).toHaveLength(1);
      },
      subject.cannot.skipped ?? subject.cannot.lost,
    );

    test("a closed slot forgets its probe: neither answered nor lost, and the others go on", async () => {
      world.prober.send([world.peer, world.healthy]);
      world.prober.close(world.peer);
      expect(world.prober.outstanding).toBe(1);
      await until(world, () => world.prober.outstanding === 0);
      await world.run(world.timeoutMs * 1.5);
      expect(world.sink.events.filter((e) => e.slot === world.peer)).toEqual([]);
      expect(world.sink.outcomes(world.healthy).map((o) => o.kind)).toEqual(["answered"]);
      world.prober.open(world.peer);
      await probe(world.peer);
      expect(world.sink.outcomes(world.peer).map((o) => o.kind)).toEqual(["answered"]);
    });

    test("disposing twice is harmless, with a probe outstanding too", () => {
      world.prober.send([world.peer]);
      world.prober[Symbol.dispose]();
      expect(() => world.prober[Symbol.dispose]()).not.toThrow();
    });
  });

  const { many } = subject;
  if (many === undefined) return;
  test(
    `${subject.name}: of 10,000 probes each is completed once, and the failures are those the network dropped`,
    { timeout: 120_000 },
    async () => {
      await using world = await many();
      using prober = world.prober;
      for (const slot of world.slots) prober.open(slot);
      const rounds = 10_000 / world.slots.length;
      for (let round = 0; round < rounds; round++) {
        for (let from = 0; from < world.slots.length; from += 10) {
          prober.send(world.slots.slice(from, from + 10));
          // No more than a starved machine sends in time: an engine may send but one packet a turn of its event loop.
          await until(world, () => prober.outstanding < 50);
        }
        await until(world, () => prober.outstanding === 0);
      }
      const outcomes = world.sink.outcomes();
      const count = (kind: Outcome["kind"]) => outcomes.filter((o) => o.kind === kind).length;
      const untold = {
        skips: world.sink.skips(),
        localErrors: Object.fromEntries(
          Map.groupBy(world.sink.localErrors(), String)
            .entries()
            .map(([errno, all]) => [errno, all.length]),
        ),
      };
      expect(outcomes.length, `of 10,000 probes, with ${JSON.stringify(untold)}`).toBe(10_000);
      expect(count("answered") + count("refused") + count("failed")).toBe(10_000);
      expect(world.losses()).toBeGreaterThan(0);
      expect(count("failed")).toBe(world.losses());
      expect(world.sink.skips() + world.sink.localErrors().length + world.sink.anomalies().length).toBe(0);
    },
  );
}

/** Far more than a process that is given its turns waits for one. */
const STARVED_MS = 100;

/** The longest that this process had no turn meanwhile. */
async function longestPauseMs(run: () => Promise<void>): Promise<number> {
  let longestMs = 0;
  let lastMs = performance.now();
  const look = () => {
    const nowMs = performance.now();
    longestMs = Math.max(longestMs, nowMs - lastMs);
    lastMs = nowMs;
  };
  const looking = setInterval(look, 1);
  await run().finally(() => clearInterval(looking));
  look();
  return longestMs;
}

/** Generous: a loaded machine is slow, never wrong. */
const PATIENCE_TICKS = 20_000;

export async function until(world: Pick<World, "run">, done: () => boolean): Promise<void> {
  for (let tick = 0; !done(); tick++) {
    if (tick > PATIENCE_TICKS) throw new Error("what the test waits for did not come");
    await world.run(5);
  }
}
