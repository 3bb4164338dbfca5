// The quick part of the scenarios of shapes; all of them, on both Prometheus versions, run in test/long.
import { quick } from "./check.ts";
import { shapes } from "./shapes.scenarios.ts";
import { thresholds } from "./thresholds.scenarios.ts";

shapes(quick);
thresholds(quick);
