import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/longest-first.ts";
import { SLOWER_BY } from "./test/support/slower.ts";

// unit: no privileges, any machine; one file more than cores, since some wait. integration: real namespaces, sockets and
// programs, four files at a time, since they mostly wait. slow: both, for which npm test has no time. long: minutes;
// alerts: a quarter of an hour of real time; live: the same for what only the judges see, most of an hour. cluster: a real
// Kubernetes, built first where it is not cached. e2e: the chart on clusters of that kind, one for each file and three at a
// time, since they mostly wait. cni: the same on the pod networks of other CNIs, one at a time. kernels: in emulated machines
// (npm run test:kernels). places: the README's commands as other users, on other Nodes. serial: moves machine-wide state
// (clock) and restores it.
const LONG = ["test/long/**"];
const ALERTS = "test/long/alerts.test.ts";
const LIVE = ["test/live/**"];
const SLOW = ["test/slow/**"];
const CLUSTER = ["test/cluster/**"];
const E2E = ["test/e2e/**"];
const INTEGRATION = ["test/integration/**"];
const PLACES = ["test/places/**"];
const SERIAL = ["test/serial/**"];
const KERNELS = ["test/kernels/inside/**"];
/** What binds the C library of Linux. */
const LINUX =
  process.platform === "linux" ? [] : ["test/kernel/**", "test/host/**", "test/reflector/tcp-responder.test.ts"];

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: "unit",
          // 280 files of half a second each, most of it spent on starting and on the same imports.
          isolate: false,
          maxWorkers: availableParallelism() + 1,
          include: ["test/**/*.test.ts"],
          exclude: [
            ...LONG,
            ...LIVE,
            ...CLUSTER,
            ...E2E,
            ...INTEGRATION,
            ...SLOW,
            ...PLACES,
            ...SERIAL,
            ...KERNELS,
            ...LINUX,
            "test/bench/**",
            "**/node_modules/**",
          ],
          testTimeout: 20_000,
        },
      },
      // A machine that starves its own kernel of time loses packets for real: what fails must fail twice.
      {
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          retry: 1,
          maxWorkers: 4,
          testTimeout: 60_000 * SLOWER_BY,
          hookTimeout: 60_000 * SLOWER_BY,
        },
      },
      {
        test: {
          name: "slow",
          include: SLOW.map((glob) => `${glob}/*.test.ts`),
          retry: 1,
          maxWorkers: 4,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "long",
          include: LONG.map((glob) => `${glob}/*.test.ts`),
          exclude: [ALERTS],
          maxWorkers: 2,
          sequence: { concurrent: true },
          testTimeout: 900_000,
          hookTimeout: 900_000,
        },
      },
      { test: { name: "alerts", include: [ALERTS], testTimeout: 1_800_000, hookTimeout: 900_000 } },
      {
        test: {
          name: "live",
          include: LIVE.map((glob) => `${glob}/*.test.ts`),
          fileParallelism: false,
          testTimeout: 2_700_000,
          hookTimeout: 900_000,
        },
      },
      {
        test: {
          name: "cluster",
          include: CLUSTER.map((glob) => `${glob}/*.test.ts`),
          fileParallelism: false,
          testTimeout: 900_000,
          hookTimeout: 900_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/*.test.ts"],
          globalSetup: "test/e2e/setup.ts",
          maxWorkers: 3,
          testTimeout: 1_200_000,
          hookTimeout: 900_000,
        },
      },
      {
        test: {
          name: "cni",
          include: ["test/e2e/cni/*.test.ts"],
          globalSetup: "test/e2e/setup.ts",
          // One fills the neighbour table and floods processors, which all clusters of the machine share.
          fileParallelism: false,
          testTimeout: 1_200_000,
          // With nothing cached kube-router alone takes minutes.
          hookTimeout: 1_800_000,
        },
      },
      {
        test: {
          name: "places",
          include: PLACES.map((glob) => `${glob}/*.test.ts`),
          // Some ask for the port that a demo takes first.
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          name: "kernels",
          include: KERNELS.map((glob) => `${glob}/*.test.ts`),
          fileParallelism: false,
          testTimeout: 900_000,
          hookTimeout: 900_000,
        },
      },
      {
        test: {
          name: "serial",
          include: ["test/serial/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
