import { describe, expect, test } from "vitest";
import { LabError } from "../../lab/machine.ts";
import { sizeOf, thisMachine } from "../../lab/size.ts";

const TWO = { processors: 2, availableBytes: 20e9 };
const FOUR = { processors: 4, availableBytes: 20e9 };

describe("a lab", () => {
  test.each([2, 6, 20])("of %i nodes has everybody probe everybody, and says nothing of what it costs", (nodes) => {
    expect(sizeOf(nodes, TWO)).toEqual({ settings: {}, remarks: [] });
  });

  test.each([
    [40, TWO, "40 agents take about 4.2 GB of memory and 0.5 of 2 processors"],
    [60, TWO, "60 agents take about 6.3 GB of memory and 0.9 of 2 processors"],
    [90, FOUR, "90 agents take about 9.4 GB of memory and 1.7 of 4 processors"],
  ])("of %i nodes says what it takes, where all can be probed by all", (nodes, machine, cost) => {
    expect(sizeOf(nodes, machine)).toEqual({ settings: {}, remarks: [cost] });
  });

  test.each([
    [70, TWO],
    [100, TWO],
    [100, FOUR],
    [250, { processors: 4, availableBytes: 30e9 }],
    [40, { processors: 1, availableBytes: 30e9 }],
  ])("of %i nodes, whose full mesh is too much, probes a sample and says so", (nodes, machine) => {
    const { settings, remarks } = sizeOf(nodes, machine);
    const { fullMeshLimit, sampleSize } = settings.peers!;
    expect(fullMeshLimit).toBeLessThan(nodes);
    // Else an agent refuses its configuration.
    expect(sampleSize).toBeLessThan(fullMeshLimit!);
    expect(remarks).toHaveLength(2);
    expect(remarks[1]).toMatch(
      /^each node probes 24 others, as in a mesh above peers\.fullMeshLimit, and less often: all/,
    );
  });

  test("for which memory is missing is refused, with the largest number there is room for", () => {
    expect(() => sizeOf(100, { processors: 2, availableBytes: 4e9 })).toThrow(
      new LabError(
        "100 agents need about 10.5 GB of memory, and 4.0 GB are available. Use --nodes 38, or a larger machine",
      ),
    );
  });

  test("where the kernel does not tell its memory is not refused", () => {
    expect(sizeOf(40, { processors: 2, availableBytes: undefined }).remarks).toHaveLength(1);
  });
});

test.runIf(process.platform === "linux")("this machine tells its processors and the memory that is left", () => {
  const { processors, availableBytes } = thisMachine();
  expect(processors).toBeGreaterThan(0);
  expect(availableBytes).toBeGreaterThan(10e6);
});
