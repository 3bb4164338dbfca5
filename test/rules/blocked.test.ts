// The quick part of the scenarios of rejected pairs; all of them, on both Prometheus versions, run in test/long.
import { quick } from "./check.ts";
import { blockedPairs } from "./blocked.scenarios.ts";

blockedPairs(quick);
