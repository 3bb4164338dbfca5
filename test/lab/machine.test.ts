import { expect, test } from "vitest";
import { LabError, missingTools, missingToolsMessage, run } from "../../lab/machine.ts";

test("tools that are nowhere on the path are missing, and the line that installs them names each package once", async () => {
  const missing = await missingTools(["ip", "bridge", "nft"], ["/nonexistent"]);
  expect(missing).toEqual(["ip", "bridge", "nft"]);
  expect(missingToolsMessage(missing)).toBe(
    "the lab needs ip, bridge, nft, which are not installed here. On Debian or Ubuntu: apt-get install -y iproute2 nftables",
  );
  expect(missingToolsMessage(["nft"])).toContain("which is not installed");
});

test("a tool that fails is quoted with what was asked, how it ended and what it said", async () => {
  await expect(run("sh", ["-c", "echo nonsense >&2; exit 3"])).rejects.toThrow(
    "'sh -c echo nonsense >&2; exit 3' ended with code 3: nonsense",
  );
  await expect(run("sh", ["-c", "kill -KILL $$"])).rejects.toThrow("ended with SIGKILL: it said nothing");
  await expect(run("no-such-tool-here", [])).rejects.toThrow(LabError);
});

test("input reaches the tool, and one that does not read it is no fault", async () => {
  expect(await run("cat", [], { input: "read me" })).toBe("read me");
  expect(await run("true", [], { input: "x".repeat(1_000_000) })).toBe("");
});
