// A file that takes longest and starts last is what everybody waits for at the end.
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** About a minute and more, the longest first. vitest learns durations from former runs; a fresh clone has none. */
export const LONGEST = [
  "test/e2e/monitoring.test.ts",
  "test/e2e/outage.test.ts",
  "test/e2e/faults.test.ts",
  "test/integration/page/page.test.ts",
  "test/integration/contract.test.ts",
  "test/integration/dashboards.test.ts",
  "test/long/lab-host-view.test.ts",
  "test/long/lab-evidence.test.ts",
  "test/integration/lab-demo.test.ts",
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
