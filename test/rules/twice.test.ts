// The quick part of the scenarios of agents that are scraped twice; all of them, on both Prometheus versions, run in test/long.
import { quick } from "./check.ts";
import { twice } from "./twice.scenarios.ts";

twice(quick);
