// Prometheus' HTTP API, by whatever way leads to it: most of ours run in a network namespace.
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

interface InstantVector {
  readonly result: readonly {
    readonly metric: Readonly<Record<string, string>>;
    readonly value: readonly [number, string];
  }[];
}

export class PrometheusApi {
  readonly #get: (path: string) => Promise<string>;

  /** `get` returns the body of an answer by path and query, and throws when there is none or its status is an error. */
  constructor(get: (path: string) => Promise<string>) {
    this.#get = get;
  }

  /** Throws until it takes queries. */
  async ready(): Promise<void> {
    await this.#get("/-/ready");
  }

  async data<T>(path: string): Promise<T> {
    return (JSON.parse(await this.#get(path)) as { data: T }).data;
  }

  /** An instant query; samples in the order of Prometheus' answer. */
  async query(promql: string): Promise<Sample[]> {
    const { result } = await this.data<InstantVector>(`/api/v1/query?query=${encodeURIComponent(promql)}`);
    return result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
  }
}
