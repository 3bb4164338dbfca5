import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { kernelsPage, recorded, type RecordedMachine } from "./document.ts";

const machine = (
  kernel: string,
  states: Readonly<Record<string, string>>,
  architecture = "amd64",
): RecordedMachine => ({
  kernel,
  architecture,
  date: "2026-11-27",
  files: [
    {
      file: "test/integration/contract.test.ts",
      tests: Object.entries(states).map(([name, state]) => ({
        name,
        state,
        ...(state === "failed" && { why: "it did not" }),
      })),
    },
  ],
});

const ICMP = "the contract of icmp, kernel engine, real sockets > a probe";
const UDP = "the contract of udp, userspace engine, real sockets > a refusal [not to be shown: no ICMP is heard]";

test("the page has a column for each machine, oldest kernel first, and says what failed and why", () => {
  const old = recorded([], machine("5.10.0-32-amd64", { [ICMP]: "passed", [UDP]: "skipped" }));
  const page = kernelsPage(recorded(old, machine("5.9.0-1-amd64", { [ICMP]: "failed" })));
  expect(page).toContain("| engine | what works | 5.9.0-1-amd64, amd64 | 5.10.0-32-amd64, amd64 |");
  expect(page).toMatch(/^\| kernel \| .*ICMP \| \*\*no\*\*: 1 of 1 failed \| yes \(1\) \|$/m);
  expect(page).toContain(`- 5.9.0-1-amd64, amd64: ${ICMP}: it did not`);
  expect(page).toContain("| udp, userspace engine | a refusal | no ICMP is heard |");
  expect(page).toMatch(/^\| userspace \| .*UDP \| – \| – \|$/m);
});

test("the page says what passed at the second try only, and what the first one said", () => {
  const [machine61] = recorded([], machine("6.1.0", { [ICMP]: "passed" }));
  const retried = { file: "test/integration/raw-icmp.test.ts", tests: [{ name: "raw", state: "passed", why: "late" }] };
  const page = kernelsPage([{ ...machine61!, files: [...machine61!.files, retried] }]);
  expect(page).toContain("Passed at the second try.");
  expect(page).toContain("- 6.1.0, amd64: raw: late");
  expect(page).not.toContain(`- 6.1.0, amd64: ${ICMP}`);
  expect(kernelsPage([machine61!])).not.toContain("second try");
});

test("a machine that is run again takes the place of its last run, but not with what was left out", () => {
  const first = recorded([], machine("6.1.0", { [ICMP]: "failed" }));
  const other = { ...machine("6.1.0", {}), files: [{ file: "test/integration/raw-icmp.test.ts", tests: [] }] };
  const both = recorded(first, other);
  expect(both.flatMap(({ files }) => files.map(({ file }) => file))).toEqual([
    "test/integration/contract.test.ts",
    "test/integration/raw-icmp.test.ts",
  ]);
  expect(recorded(both, machine("6.1.0", { [ICMP]: "passed" }))[0]!.files[0]!.tests).toEqual([
    { name: ICMP, state: "passed" },
  ]);
  expect(recorded(both, machine("6.1.0", { [ICMP]: "skipped", [UDP]: "skipped" }))[0]!.files[0]!.tests).toMatchObject([
    { name: ICMP, state: "failed" },
    { name: UDP, state: "skipped" },
  ]);
});

test("docs/kernels.md is what the recorded runs give", () => {
  const machines = JSON.parse(readFileSync(new URL("record.json", import.meta.url), "utf8")) as RecordedMachine[];
  expect(readFileSync(new URL("../../docs/kernels.md", import.meta.url), "utf8")).toBe(kernelsPage(machines));
});
