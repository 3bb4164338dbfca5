// What the losses of a window are explained by so far: a base that every path has, and the culprits found. Poisson
// counts; a culprit of rate θ adds θ × probes to what is expected of each of its edges.
import type { Candidate } from "./candidate.ts";
import type { LossWindow } from "./window.ts";

/** Loss that needs no explanation, of a round trip: beforehand, and the most that it may be found to be. */
const BASE = 1e-4;
const MOST_BASE = 3e-4;
const SWEEPS = 12;

/** What is lost beyond what is expected, by edge, and what is expected. */
export interface Surplus {
  readonly excess: Float32Array;
  readonly expected: Float32Array;
}

export interface Component {
  readonly candidate: Candidate;
  rate: number;
  /** Some of several equal paths: its edges lose all or nothing, and whatever they lose is explained. */
  readonly isSplit: boolean;
}

/** Of a candidate's edges those that lost anything, and the probes of all. */
interface Extent {
  readonly hot: Uint32Array;
  readonly probes: number;
}

export class LossModel {
  readonly window: LossWindow;
  components: Component[] = [];
  readonly #expected: readonly Float32Array[];
  readonly #floor: readonly Float32Array[];
  readonly #plain: readonly Surplus[];
  readonly #quiet: readonly Surplus[];
  readonly #isStale: Uint8Array;
  /** Whether `#expected` and `#floor` are those of the components and their rates. */
  #isLaid = false;
  /** By path and edge; only where something was lost, since nothing is fitted anywhere else. */
  readonly #expectedByPath: readonly Float32Array[];
  readonly #base: Float64Array;
  readonly #probes: Float64Array;
  /** Edges that lost anything. */
  readonly #hot: Uint32Array;
  readonly #isHot: Uint8Array;
  readonly #extents = new WeakMap<Candidate, Extent>();

  constructor(window: LossWindow) {
    const { edges, arrays } = window.topology;
    this.window = window;
    this.#expected = window.scopes.map(() => arrays.take());
    this.#floor = window.scopes.map(() => arrays.take());
    this.#plain = this.#expected.map((expected) => ({ excess: arrays.take(), expected }));
    this.#quiet = this.#floor.map((expected) => ({ excess: arrays.take(), expected }));
    this.#isStale = new Uint8Array(window.scopes.length);
    this.#expectedByPath = window.byPath.map(() => arrays.take());
    this.#base = new Float64Array(window.byPath.length).fill(BASE);
    this.#probes = Float64Array.from(window.byPath, ({ probes }) => probes.reduce((sum, n) => sum + n, 0));
    this.#isHot = new Uint8Array(edges);
    for (const { lost } of window.byPath) for (let e = 0; e < edges; e++) if (lost[e]! > 0) this.#isHot[e] = 1;
    this.#hot = window.topology.all.filter((e) => this.#isHot[e] === 1);
    this.#layPaths();
  }

  /** Expected losses by scope and edge. */
  get expected(): readonly Float32Array[] {
    if (!this.#isLaid) this.#lay();
    return this.#expected;
  }

  /** Most likely rates of all components together (EM), and what is then expected. */
  refit(): void {
    for (let sweep = 0; sweep < SWEEPS; sweep++) {
      this.#layPaths();
      for (const component of this.components) this.#refitOne(component);
      this.#refitBase();
    }
    this.#layPaths();
    this.#isLaid = false;
  }

  /**
   * By edge, plainly; and, once culprits are known, with what they explain turned down: a weak culprit beside a loud
   * cell is not seen when both are summed up as they are. Valid until the model changes.
   */
  surpluses(scope: number): readonly Surplus[] {
    if (!this.#isLaid) this.#lay();
    const plain = this.#plain[scope]!;
    const quiet = this.#quiet[scope]!;
    if (this.#isStale[scope] === 1) {
      this.#isStale[scope] = 0;
      const { lost } = this.window.byScope[scope]!;
      for (let e = 0; e < lost.length; e++) {
        const expected = plain.expected[e]!;
        const excess = lost[e]! - expected;
        plain.excess[e] = excess;
        quiet.excess[e] = expected === 0 ? 0 : (excess * quiet.expected[e]!) / expected;
      }
    }
    return this.components.length === 0 ? [plain] : [plain, quiet];
  }

  /** Log-likelihood of all that was lost, less what the components cost: what the best explanation makes largest. */
  worth(): number {
    const { byPath } = this.window;
    let worth = 0;
    for (const [p, { lost }] of byPath.entries()) {
      const expected = this.#expectedByPath[p]!;
      for (const e of this.#hot) if (lost[e]! > 0) worth += lost[e]! * Math.log(expected[e]!);
      worth -= this.#base[p]! * this.#probes[p]!;
    }
    for (const { candidate, rate } of this.components)
      worth -= rate * this.#extentOf(candidate).probes + candidate.price;
    return worth;
  }

  /** Other components, if they are worth more; else all stays as it was. */
  tryComponents(components: readonly Component[]): boolean {
    const before = { components: this.components, base: this.#base.slice(), isLaid: this.#isLaid };
    const worth = this.worth();
    this.components = components.map((c) => ({ ...c }));
    this.refit();
    if (this.worth() > worth + 1e-6) return true;
    this.components = before.components;
    this.#base.set(before.base);
    this.#layPaths();
    this.#isLaid = before.isLaid;
    return false;
  }

  /** What is expected without one of the components, while `work` runs. */
  without<T>(component: Component, work: () => T): T {
    const putBack = this.takeOut(component);
    try {
      return work();
    } finally {
      putBack();
    }
  }

  /** The same until what is returned is called. */
  takeOut(component: Component): () => void {
    this.#shift(component, -1);
    return () => this.#shift(component, 1);
  }

  #shift({ candidate, rate }: Component, sign: 1 | -1): void {
    if (!this.#isLaid) this.#lay();
    const own = new Set(this.window.scopes[candidate.scope]!.paths);
    for (const [s, { paths }] of this.window.scopes.entries()) {
      const sum = this.#expected[s]!;
      for (const p of paths) {
        if (!own.has(p)) continue;
        const { probes } = this.window.byPath[p]!;
        for (const e of candidate.edges) sum[e]! += sign * rate * probes[e]!;
        this.#isStale[s] = 1;
      }
    }
  }

  #refitOne(component: Component): void {
    const { byPath, scopes } = this.window;
    const { hot, probes } = this.#extentOf(component.candidate);
    let blamed = 0;
    for (const p of scopes[component.candidate.scope]!.paths) {
      const cells = byPath[p]!;
      const expected = this.#expectedByPath[p]!;
      for (const e of hot) {
        const k = cells.lost[e]!;
        if (k > 0) blamed += (k * component.rate * cells.probes[e]!) / expected[e]!;
      }
    }
    component.rate = probes > 0 ? blamed / probes : 0;
  }

  #extentOf(candidate: Candidate): Extent {
    let extent = this.#extents.get(candidate);
    if (!extent) {
      let probes = 0;
      for (const p of this.window.scopes[candidate.scope]!.paths) {
        const cells = this.window.byPath[p]!;
        for (const e of candidate.edges) probes += cells.probes[e]!;
      }
      extent = { hot: candidate.edges.filter((e) => this.#isHot[e] === 1), probes };
      this.#extents.set(candidate, extent);
    }
    return extent;
  }

  #refitBase(): void {
    for (const [p, { lost, probes }] of this.window.byPath.entries()) {
      const expected = this.#expectedByPath[p]!;
      let blamed = 0;
      for (const e of this.#hot) if (lost[e]! > 0) blamed += (lost[e]! * this.#base[p]! * probes[e]!) / expected[e]!;
      // A thousand probes' worth of what we believe beforehand.
      this.#base[p] = Math.min(MOST_BASE, Math.max(BASE, (blamed + BASE * 1000) / (this.#probes[p]! + 1000)));
    }
  }

  #layPaths(): void {
    const { byPath, scopes } = this.window;
    for (const [p, { probes }] of byPath.entries()) {
      const expected = this.#expectedByPath[p]!;
      const base = this.#base[p]!;
      for (const e of this.#hot) expected[e] = base * probes[e]!;
    }
    for (const { candidate, rate } of this.components) {
      const { hot } = this.#extentOf(candidate);
      for (const p of scopes[candidate.scope]!.paths) {
        const expected = this.#expectedByPath[p]!;
        const { probes } = byPath[p]!;
        for (const e of hot) expected[e]! += rate * probes[e]!;
      }
    }
    for (const { candidate, isSplit } of this.components) {
      if (!isSplit) continue;
      for (const p of scopes[candidate.scope]!.paths) {
        const expected = this.#expectedByPath[p]!;
        const { lost } = byPath[p]!;
        for (const e of this.#extentOf(candidate).hot) expected[e] = Math.max(expected[e]!, lost[e]!);
      }
    }
  }

  /** Beside what is expected where something was lost, what is expected everywhere else. */
  #lay(): void {
    const { byPath, scopes } = this.window;
    this.#isLaid = true;
    this.#isStale.fill(1);
    for (const [s, { paths }] of scopes.entries()) {
      const sum = this.#expected[s]!;
      const floor = this.#floor[s]!;
      floor.fill(0);
      for (const p of paths) {
        const { probes } = byPath[p]!;
        const base = this.#base[p]!;
        for (let e = 0; e < sum.length; e++) floor[e]! += base * probes[e]!;
      }
      sum.set(floor);
      for (const { candidate, rate } of this.components) {
        for (const p of scopes[candidate.scope]!.paths) {
          if (!paths.includes(p)) continue;
          const { probes } = byPath[p]!;
          for (const e of candidate.edges) sum[e]! += rate * probes[e]!;
        }
      }
      for (const e of this.#hot) sum[e] = paths.reduce((total, p) => total + this.#expectedByPath[p]![e]!, 0);
    }
  }
}
