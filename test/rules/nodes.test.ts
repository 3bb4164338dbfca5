// The quick part of the scenarios of nodes; all of them, on both Prometheus versions, run in test/long.
import { quick } from "./check.ts";
import { nodes } from "./nodes.scenarios.ts";

nodes(quick);
