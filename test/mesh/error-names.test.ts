// The image's bundle shortens the names of classes, so an error that is logged has its name as a text.
import { expect, test } from "vitest";
import { DiscoveryError, HistoryGoneError, MalformedAnswerError } from "../../agent/mesh/kube-errors.ts";
import { SilenceError } from "../../agent/mesh/silence.ts";
import { StaticMeshError } from "../../agent/mesh/static-file.ts";

test.each([
  ["DiscoveryError", new DiscoveryError("")],
  ["HistoryGoneError", new HistoryGoneError("")],
  ["MalformedAnswerError", new MalformedAnswerError("")],
  ["SilenceError", new SilenceError(1_000)],
  ["StaticMeshError", new StaticMeshError("mesh.json", [])],
])("%s says its name itself, not by its class", (name, error) => {
  expect(Object.getOwnPropertyDescriptor(error, "name")?.value).toBe(name);
});
