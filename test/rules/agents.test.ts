// The quick part of the scenarios of agents; all of them, on both Prometheus versions, run in test/long.
import { quick } from "./check.ts";
import { agents } from "./agents.scenarios.ts";

agents(quick);
