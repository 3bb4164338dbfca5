// The quick part of the scenarios of calm; all of them, on both Prometheus versions, run in test/long.
import { quick } from "./check.ts";
import { calm } from "./calm.scenarios.ts";

calm(quick);
