// What the losses of a window are explained by so far: a base that every path has, and the culprits found. Poisson
// counts; a culprit of rate θ adds θ × probes to what is expected of each of its edges.
import { atOnce, type Steps } from "../../base/slices.ts";
import { stays } from "../../base/stays.ts";
import { STEP } from "../evidence/path-history.ts";
import type { Candidate } from "./candidate.ts";
import { topologyOf } from "./topology.ts";
import type { LossWindow } from "./window.ts";

/** Loss that needs no explanation, of a round trip: beforehand, and the most that it may be found to be. */
const BASE = 1e-4;
const MOST_BASE = 3e-4;
const SWEEPS = 12;
/** Edges that lost something which are fitted to in no time. */
const FEW = STEP / SWEEPS;

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

/** What one scope is expected to lose, by edge. Laid when it is asked for first: most scopes never are. */
interface Laid {
  readonly plain: Surplus;
  readonly quiet: Surplus;
  /** Whether `expected` is that of the components and their rates, and `excess` that of `expected`. */
  isCurrent: boolean;
  isStale: boolean;
}

export class LossModel {
  readonly window: LossWindow;
  components: Component[] = [];
  readonly #laid: (Laid | undefined)[];
  readonly #takenOut = new Set<Component>();
  /** By path and edge; only where something was lost, since nothing is fitted anywhere else. */
  readonly #expectedByPath: readonly Float32Array[];
  readonly #base: Float64Array;
  readonly #probes: Float64Array;
  #hot: Uint32Array = new Uint32Array();
  readonly #isHot: Uint8Array;
  readonly #extents = new WeakMap<Candidate, Extent>();

  private constructor(window: LossWindow) {
    const { edges, arrays } = window.topology;
    this.window = window;
    this.#laid = window.scopes.map(() => undefined);
    this.#expectedByPath = window.byPath.map(() => arrays.take());
    this.#base = new Float64Array(window.byPath.length).fill(BASE);
    this.#probes = new Float64Array(window.byPath.length);
    this.#isHot = new Uint8Array(edges);
  }

  static *of(window: LossWindow): Steps<LossModel> {
    const model = new LossModel(window);
    const { edges, all } = window.topology;
    for (const [p, { lost, probes }] of window.byPath.entries()) {
      let sum = 0;
      for (let e = 0; e < edges; e++) {
        sum += probes[e]!;
        if (lost[e]! > 0) model.#isHot[e] = 1;
      }
      model.#probes[p] = sum;
      yield;
    }
    model.#hot = all.filter((e) => model.#isHot[e] === 1);
    model.#layPaths();
    return model;
  }

  /** Edges that lost anything on any path, in ascending order. */
  get hot(): Uint32Array {
    return this.#hot;
  }

  /** Expected losses by edge. */
  expectedOf(scope: number): Float32Array {
    return this.#laidOf(scope).plain.expected;
  }

  /** Most likely rates of all components together (EM), and what is then expected. */
  *refit(): Steps<void> {
    for (let sweep = 0; sweep < SWEEPS; sweep++) {
      this.#layPaths();
      for (const component of this.components) this.#refitOne(component);
      this.#refitBase();
      if (this.#hot.length > FEW) yield;
    }
    this.#layPaths();
    for (const laid of this.#laid) if (laid) laid.isCurrent = false;
  }

  /**
   * By edge, plainly; and, once culprits are known, with what they explain turned down: a weak culprit beside a loud
   * cell is not seen when both are summed up as they are. Valid until the model changes.
   */
  surpluses(scope: number): readonly Surplus[] {
    const laid = this.#laidOf(scope);
    const { plain, quiet } = laid;
    if (laid.isStale) {
      laid.isStale = false;
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
  *tryComponents(components: readonly Component[]): Steps<boolean> {
    const before = { components: this.components, base: this.#base.slice(), current: this.#laid.map(isCurrent) };
    const worth = this.worth();
    this.components = components.map((c) => ({ ...c }));
    yield* this.refit();
    if (this.worth() > worth + 1e-6) return true;
    this.components = before.components;
    this.#base.set(before.base);
    this.#layPaths();
    for (const [s, laid] of this.#laid.entries()) if (laid) laid.isCurrent = before.current[s]!;
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
    this.#takenOut.add(component);
    this.#shift(component, -1);
    return () => {
      this.#takenOut.delete(component);
      this.#shift(component, 1);
    };
  }

  #shift(component: Component, sign: 1 | -1): void {
    for (const [scope, laid] of this.#laid.entries()) if (isCurrent(laid)) this.#shiftIn(scope, component, sign);
  }

  #shiftIn(scope: number, { candidate, rate }: Component, sign: 1 | -1): void {
    const { byPath, scopes } = this.window;
    const laid = this.#laid[scope]!;
    const sum = laid.plain.expected;
    const own = new Set(scopes[candidate.scope]!.paths);
    for (const p of scopes[scope]!.paths) {
      if (!own.has(p)) continue;
      const { probes } = byPath[p]!;
      addProbes(sum, candidate.edges, { probes, rate: sign * rate });
      laid.isStale = true;
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
        addProbes(expected, hot, { probes, rate });
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

  #laidOf(scope: number): Laid {
    const laid = (this.#laid[scope] ??= emptyLaid(this.window));
    if (!laid.isCurrent) this.#lay(scope, laid);
    return laid;
  }

  /** Beside what is expected where something was lost, what is expected everywhere else. */
  #lay(scope: number, laid: Laid): void {
    const { byPath, scopes } = this.window;
    const { paths } = scopes[scope]!;
    const sum = laid.plain.expected;
    const floor = laid.quiet.expected;
    laid.isCurrent = true;
    laid.isStale = true;
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
        addProbes(sum, candidate.edges, { probes, rate });
      }
    }
    for (const e of this.#hot) {
      let expected = 0;
      for (const p of paths) expected += this.#expectedByPath[p]![e]!;
      sum[e] = expected;
    }
    for (const component of this.#takenOut) this.#shiftIn(scope, component, -1);
  }
}

/** By index: an iterator makes an object for each of tens of thousands of edges. */
function addProbes(
  sum: Float32Array,
  edges: Uint32Array,
  { probes, rate }: { readonly probes: Float32Array; readonly rate: number },
): void {
  for (let i = 0; i < edges.length; i++) {
    const e = edges[i]!;
    sum[e]! += rate * probes[e]!;
  }
}

function emptyLaid({ topology: { arrays } }: LossWindow): Laid {
  const surplus = (): Surplus => ({ excess: arrays.take(), expected: arrays.take() });
  return { plain: surplus(), quiet: surplus(), isCurrent: false, isStale: true };
}

const isCurrent = (laid: Laid | undefined): boolean => laid?.isCurrent === true;

const topology = atOnce(topologyOf([], { count: 0, source: new Uint16Array(), destination: new Uint16Array() }));
stays(atOnce(LossModel.of({ seconds: 0, topology, scopes: [], byPath: [], byScope: [], isBurst: () => false })));
