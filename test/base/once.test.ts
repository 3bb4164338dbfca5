import { expect, test, vi } from "vitest";
import { onceFor } from "../../agent/base/once.ts";

interface Made {
  readonly made: number | undefined;
}

test("what is made of an object is made once, also where that is undefined, and anew for another object", () => {
  const make = vi.fn<(of: Made) => number | undefined>(({ made }) => made);
  const of = onceFor(make);
  const [one, none] = [{ made: 1 }, { made: undefined }];
  expect([of(one), of(one), of(none), of(none), of({ made: 1 })]).toEqual([1, 1, undefined, undefined, 1]);
  expect(make).toHaveBeenCalledTimes(3);
});
