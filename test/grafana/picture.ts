// What the browser is given to draw: a panel of a dashboard, and the answers of a real Prometheus to its queries.
import type { Panel } from "@grafana/grafana-foundation-sdk/dashboard";

export interface Result {
  readonly metric: Readonly<Record<string, string>>;
  readonly value?: readonly [atSeconds: number, value: string];
  readonly values?: readonly (readonly [atSeconds: number, value: string])[];
}

export interface Answer {
  readonly refId: string;
  /** One frame of labels and values, not one a series. */
  readonly table: boolean;
  readonly legend: string;
  readonly result: readonly Result[];
}

export interface Picture {
  readonly panel: Panel;
  readonly title: string;
  readonly answers: readonly Answer[];
  readonly fromMs: number;
  readonly toMs: number;
  readonly width: number;
  readonly height: number;
}
