// The quick part of the scenarios of what the judges find; all of them, on both Prometheus versions, run in test/long.
import { quick } from "./check.ts";
import { findings } from "./findings.scenarios.ts";

findings(quick);
