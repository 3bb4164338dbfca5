// Arrays with a number for each edge, used again by the next judgement: a large mesh needs some hundred of them each time,
// and to collect them would hold up the agent for longer than anything a judgement does.
export class EdgeArrays {
  readonly #edges: number;
  readonly #arrays: Float32Array[] = [];
  #used = 0;

  constructor(edges: number) {
    this.#edges = edges;
  }

  /** All zero. */
  take(): Float32Array {
    const known = this.#arrays[this.#used];
    const array = known?.fill(0) ?? new Float32Array(this.#edges);
    this.#arrays[this.#used++] = array;
    return array;
  }

  /** Nothing that was taken is looked at any more. */
  reuse(): void {
    this.#used = 0;
  }
}
