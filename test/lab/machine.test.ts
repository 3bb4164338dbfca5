import { expect, test } from "vitest";
import { LabError, missingTools, missingToolsMessage, run } from "../../lab/machine.ts";

test("tools that are nowhere on the path are missing, and the line that installs them names each package once", () => {
  const missing = missingTools(["/nonexistent"]);
  expect(missing).toEqual(["ip", "bridge", "nft", "setpriv", "unshare"]);
  expect(missingToolsMessage(missing)).toEqual({
    reason: "ip, bridge, nft, setpriv, unshare are not installed here",
    cure: "Install what has them; on Debian or Ubuntu: sudo apt-get install -y --no-install-recommends iproute2 nftables util-linux",
  });
  expect(missingToolsMessage(["nft"]).reason).toBe("nft is not installed here");
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
