// The search for the largest packet that passes: first the size that the kernel believes in, then, only where that
// fails, sizes below it; last, where nobody says what fits, the place where large packets vanish.
import { PathMtuSearch } from "../../probes/path-mtu-search.ts";
import type { MonotonicNs } from "../../probes/prober.ts";
import type { MtuReport, Step, Told, VanishingPoint } from "./report.ts";
import { SizeTrial, type Send, type SizeResult } from "./size-trial.ts";
import { lengthOf, VanishingSearch } from "./vanishing.ts";

/** A moment's loss makes a trial unclear: it is made again. */
const UNCLEAR_TRIALS = 3;
/** Looked for where the target does not tell how far it is. */
const HOPS_UNKNOWN = 8;

export interface LadderOptions {
  readonly send: Send;
  readonly believedBytes: number;
  /** Passes wherever anything does. */
  readonly smallestBytes: number;
}

export class Ladder {
  readonly #options: LadderOptions;
  readonly #search: PathMtuSearch;
  readonly #steps: Step[] = [];
  readonly #told = new Map<string, Told>();
  #trial: SizeTrial;
  #target: "answers" | "refuses" = "answers";
  #length: number | undefined;
  #unclear = 0;
  #passesBytes: number | undefined;
  #isSilent = false;
  #locating: VanishingSearch | undefined;
  #vanishes: VanishingPoint | undefined;
  #isOver = false;

  constructor(options: LadderOptions) {
    this.#options = options;
    const { believedBytes, smallestBytes } = options;
    this.#search = new PathMtuSearch({ believed: believedBytes, floor: smallestBytes, hint: undefined });
    this.#trial = this.#trialOf(this.#search.first, -Infinity);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** What is tried now, and how many sizes were before. */
  get progress(): { readonly tried: number; readonly bytes: number } {
    return { tried: this.#steps.length, bytes: this.#trial.bytes };
  }

  /** Send what is due. Call after what has come was taken. */
  tick(nowNs: MonotonicNs): void {
    if (this.#isOver) return;
    if (this.#locating) {
      this.#vanishes = this.#locating.tick(nowNs);
      this.#isOver = this.#vanishes !== undefined;
      return;
    }
    const result = this.#trial.tick(nowNs, this.#target);
    this.#learn(this.#trial);
    if (result) this.#decided(result);
  }

  report(): Pick<MtuReport, "passesBytes" | "steps" | "told" | "vanishes" | "isSilent"> {
    return {
      ...(this.#passesBytes !== undefined && { passesBytes: this.#passesBytes }),
      steps: this.#steps,
      told: [...this.#told.values()],
      ...(this.#vanishes && { vanishes: this.#vanishes }),
      isSilent: this.#isSilent,
    };
  }

  #learn({ probes }: SizeTrial): void {
    this.#length ??= lengthOf(probes);
    for (const { fate } of probes) {
      if (fate.kind === "refused") this.#target = "refuses";
      if (fate.kind === "too big") this.#told.set(`${fate.by} ${fate.mtu}`, { by: fate.by, mtu: fate.mtu });
    }
  }

  #decided(result: SizeResult): void {
    const { bytes } = this.#trial;
    if (result.kind === "silent") {
      this.#isSilent = true;
      this.#isOver = true;
      return;
    }
    this.#steps.push({ bytes, came: CAME[result.kind] });
    if (result.kind === "unclear") {
      if (++this.#unclear >= UNCLEAR_TRIALS) this.#isOver = true;
      else this.#trial = this.#trialOf(bytes);
      return;
    }
    this.#unclear = 0;
    const step = this.#search.next(result);
    switch (step.kind) {
      case "try":
        this.#trial = this.#trialOf(step.size);
        return;
      case "unclear":
        this.#isOver = true;
        return;
      case "found":
        this.#passesBytes = step.passesBytes;
        if (step.shortfallBytes === 0) this.#isOver = true;
        else this.#locate(step.passesBytes + step.shortfallBytes);
    }
  }

  #locate(bytes: number): void {
    const length = this.#length ?? HOPS_UNKNOWN;
    this.#locating = new VanishingSearch({ bytes, length, send: this.#options.send });
  }

  #trialOf(bytes: number, notBeforeNs = this.#trial.dueNs): SizeTrial {
    return new SizeTrial({ bytes, send: this.#options.send, notBeforeNs });
  }
}

const CAME: Readonly<Record<Exclude<SizeResult["kind"], "silent">, Step["came"]>> = {
  passes: "passes",
  fails: "vanishes",
  told: "told",
  unclear: "unclear",
};
