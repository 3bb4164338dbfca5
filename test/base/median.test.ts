import { expect, test } from "vitest";
import { median } from "../../agent/base/median.ts";

test.each([
  [[3, 1, 2], 2],
  [[4, 1, 3, 2], 2],
  [[7], 7],
  [[], 0],
])("the median of %j is %d", (values, middle) => {
  expect(median(values)).toBe(middle);
});
