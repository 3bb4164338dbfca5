// One thing is changed on one node of a cluster that Flannel laid, and what is told of it.
import { compareViews } from "../../../agent/diagnosis/compare/compare.ts";
import type { Compared, Difference } from "../../../agent/diagnosis/compare/difference.ts";
import { sampleViews, type SampleView } from "../../support/sample-views.ts";

export type Change = (views: SampleView[]) => void;

export function differences(count: number, change: Change, other: Partial<Compared> = {}): Difference[] {
  const views = sampleViews(count);
  change(views);
  return compareViews({ views, isWhole: true, ...other });
}
export const told = (count: number, change: Change, other: Partial<Compared> = {}): string[] =>
  differences(count, change, other).map(({ text }) => text);

export const routeTo = (view: SampleView, destination: string) =>
  view.routes.items.find((route) => route.destination === destination)!;
export const without = <T>(items: T[], is: (item: T) => boolean): void =>
  void items.splice(0, items.length, ...items.filter((item) => !is(item)));
export const device = (view: SampleView, name: string) => view.interfaces.items.find((one) => one.name === name)!;
