// What alerts say, on the oldest Prometheus.
import { quick } from "./check.ts";
import { described } from "./described.scenarios.ts";

described(quick);
