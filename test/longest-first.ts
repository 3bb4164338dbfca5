// A file that takes longest and starts last is what everybody waits for at the end.
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Those that take longest of their project, the longest first. vitest learns durations from former runs; a fresh clone has none. */
export const LONGEST = [
  "test/e2e/monitoring.test.ts",
  "test/e2e/outage.test.ts",
  "test/e2e/faults.test.ts",
  "test/integration/page/page.test.ts",
  "test/integration/contract.test.ts",
  "test/slow/dashboards.test.ts",
  "test/long/lab-host-view.test.ts",
  "test/long/lab-evidence.test.ts",
  "test/long/unprobed.test.ts",
  "test/integration/lab-faults.test.ts",
  "test/integration/lab-demo.test.ts",
  "test/slow/throughput.test.ts",
  "test/integration/prometheus.test.ts",
  "test/rules/findings.test.ts",
  "test/slow/chart-variants.test.ts",
  "test/slow/hostile-everywhere.test.ts",
  "test/rules/nodes.test.ts",
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const place = LONGEST.findIndex((file) => moduleId.endsWith(`/${file}`));
      return place < 0 ? LONGEST.length : place;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}
