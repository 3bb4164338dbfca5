// The page in a real browser: what a person reads, clicks and types.
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { launchChromium } from "../../../scripts/chromium.ts";
import { HOSTILE, OBEYED } from "../../support/hostile.ts";
import { sampleNodes, type SampleMesh } from "../../support/sample-mesh.ts";
import { startSampleAgents, type SampleAgents } from "../../support/sample-agents.ts";
import { needs } from "../../support/needs.ts";

const { describe } = await needs("chromium");

const SIX: SampleMesh = {
  nodes: 6,
  zones: 3,
  dead: { "node-6": "switched off" },
  loss: [{ from: "node-2", to: "node-4", ratio: 0.2 }],
  tcpRefused: ["node-5"],
  mtuShortfall: [{ from: "node-1", to: "node-5", passesBytes: 1_400 }],
};

describe("the page", () => {
  let browser: Browser;
  let opened: AsyncDisposableStack;
  const foreign: string[] = [];
  const complaints: string[] = [];

  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser.close());
  afterEach(async () => {
    await opened.disposeAsync();
    const wrong = [...foreign.splice(0).map((url) => `asked for ${url}`), ...complaints.splice(0)];
    if (wrong.length > 0) throw new Error(`the page did what no page of ours may: ${wrong.join("; ")}`);
  });

  async function open(
    mesh: SampleMesh,
    options: BrowserContextOptions & { readonly hash?: string } = {},
  ): Promise<{ page: Page; agents: SampleAgents }> {
    opened = new AsyncDisposableStack();
    const agents = opened.use(await startSampleAgents(mesh));
    const { hash = "", ...rest } = options;
    const context = await browser.newContext({ viewport: { width: 1_200, height: 900 }, ...rest });
    opened.defer(() => context.close());
    const page = await context.newPage();
    page.on("request", (request) => {
      if (!request.url().startsWith(agents.url)) foreign.push(request.url());
    });
    page.on("pageerror", (err) => complaints.push(err.message));
    page.on("console", (message) => {
      // A browser reports every refused connection; those are a test's own doing.
      if (message.type() === "error" && !message.text().includes("ERR_")) complaints.push(message.text());
    });
    await page.goto(`${agents.url}/${hash}`);
    await page.locator("#status[data-state=live]").waitFor();
    return { page, agents };
  }

  /** The words of the cell under the keyboard cursor. */
  const cursor = async (page: Page) => (await page.locator("#cursor").getAttribute("aria-label")) ?? "";

  /** Moves the cursor with keys, as a person does. */
  async function goTo(page: Page, row: number, column: number): Promise<void> {
    await page.locator("#matrix").focus();
    await page.keyboard.press("Home");
    for (let i = 0; i < 12; i++) await page.keyboard.press("PageUp");
    for (let i = 0; i < row; i++) await page.keyboard.press("ArrowDown");
    for (let i = 0; i < column; i++) await page.keyboard.press("ArrowRight");
  }

  /** Red, green and blue in the middle-left of a cell, as painted. */
  function pixel(page: Page, row: number, column: number): Promise<number[]> {
    return page.evaluate(
      ([row, column]) => {
        const canvas = document.querySelector<HTMLCanvasElement>(".cells canvas")!;
        const cell = document.querySelector<HTMLElement>("#cursor")!.style;
        const [width, height] = [Number.parseFloat(cell.width) + 1, Number.parseFloat(cell.height) + 1];
        const left = (at: string, i: number) =>
          Number.parseFloat(
            document.querySelectorAll<HTMLElement>(`.${at} .node`)[i]!.style[at === "columns" ? "left" : "top"],
          );
        const ratio = devicePixelRatio;
        return [
          ...canvas
            .getContext("2d")!
            .getImageData(
              (left("columns", column!) + width * 0.1) * ratio,
              (left("rows", row!) + height * 0.5) * ratio,
              1,
              1,
            ).data,
        ].slice(0, 3);
      },
      [row, column],
    );
  }

  test("says in the judge's words what is wrong, what was counted, and shows the state in title and icon", async () => {
    const { page } = await open(SIX);
    expect(await page.locator("#headline").textContent()).toMatch(
      /^Node node-6 is gone: nothing gets through to it, and its agent does not report\. And \d more findings\.$/,
    );
    expect(await page.locator("#lately").textContent()).toBe(
      "7 of 25 pairs lost packets in the last minute. The row of node-6 is missing.",
    );
    const findings = await page.locator("#findings button").allTextContents();
    expect(findings[0]).toBe("Node node-6 is gone: nothing gets through to it, and its agent does not report.");
    expect(findings.join()).toContain("node-2 and node-4");
    expect(await page.locator("#notes").textContent()).not.toContain("node-6");
    expect(await page.title()).toBe("something is down – Internode");
    expect(await page.locator("#icon").getAttribute("href")).toBe("/icons/broken.svg");
    expect(await page.locator(".rows .node.missing").allTextContents()).toEqual(["node-6"]);
  });

  test("a finding says why and what to run next, and a click marks its cells until the next", async () => {
    const { page } = await open(SIX);
    const plain = await Promise.all([pixel(page, 0, 5), pixel(page, 0, 1)]);
    const gone = page.getByRole("button", { name: "Node node-6 is gone" });
    await gone.click();
    expect(await gone.getAttribute("aria-pressed")).toBe("true");
    expect(await pixel(page, 0, 5)).toEqual(plain[0]);
    expect(await pixel(page, 0, 1)).not.toEqual(plain[1]);
    await gone.click();
    expect(await pixel(page, 0, 1)).toEqual(plain[1]);
    const item = page.locator("#findings > li").first();
    await item.locator("summary").click();
    const text = (await item.textContent())!;
    expect(text).toMatch(/IN-NODE-DOWN, since .*% sure/);
    expect(text).toContain("Next: kubectl describe node node-6");
    expect(text).toContain("What helps: ");
  });

  test("Kubernetes' four promises are always listed, and when nothing is wrong it says so", async () => {
    const { page } = await open({ nodes: 6, zones: 3 });
    await page.getByText("Nothing is wrong between 6 nodes").waitFor();
    expect(await page.locator("#checks li").count()).toBe(4);
    expect(await page.locator("#checks li").first().textContent()).toContain("Every pod reaches every pod");
    expect(await page.locator("#judge").textContent()).toBe("Judged by node-1.");
    expect(await page.locator("#findings li").count()).toBe(0);
  });

  test("has nodes in the same order on both axes, grouped by zone", async () => {
    const { page } = await open(SIX);
    const names = ["node-1", "node-2", "node-3", "node-4", "node-5", "node-6"];
    for (const axis of [".rows", ".columns"]) {
      expect(await page.locator(`${axis} .node`).allTextContents()).toEqual(names);
      expect(await page.locator(`${axis} .zone`).allTextContents()).toEqual(["zone-a", "zone-b", "zone-c"]);
    }
  });

  test("is worked with the keyboard alone: arrows move, Enter opens the pair, Escape closes it and gives the focus back", async () => {
    const { page } = await open(SIX);
    await goTo(page, 1, 3);
    expect(await cursor(page)).toBe("node-2 to node-4: 29% lost (4 of 14) on Pod TCP, the worst path");
    expect(await page.locator("#tip").textContent()).toContain("node-2 → node-4");
    await page.keyboard.press("ArrowDown");
    expect(await cursor(page)).toMatch(/^node-3 to node-4: no loss/);
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Enter");
    await page.locator("dialog[open] figure").first().waitFor();
    expect(await page.locator("#pair-title").textContent()).toBe("node-2 ⇄ node-4");
    await page.keyboard.press("Escape");
    expect(await page.locator("dialog").isVisible()).toBe(false);
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("matrix");
  });

  test("tells self, no data, all lost and refused apart, in words and in looks", async () => {
    const { page } = await open(SIX);
    await goTo(page, 5, 0);
    expect(await cursor(page)).toMatch(/^node-6 to node-1: no data: no row from node-6: no answer/);
    await goTo(page, 0, 5);
    expect(await cursor(page)).toMatch(/^node-1 to node-6: 100% lost/);
    await goTo(page, 0, 4);
    expect(await cursor(page)).toContain("refused: the host answers, the port is closed");
    await goTo(page, 0, 0);
    expect(await cursor(page)).toBe("node-1 to node-1: the node itself");
    const looks = await Promise.all([
      pixel(page, 0, 1),
      pixel(page, 0, 5),
      pixel(page, 1, 3),
      pixel(page, 0, 0),
      pixel(page, 5, 0),
    ]);
    expect(new Set(looks.map(String)).size).toBe(looks.length);
    const noData = looks[4];
    expect(Math.max(...noData) - Math.min(...noData)).toBeLessThan(24);
  });

  test("opens a pair by click: both directions, all paths with a line for the last minute, loss by direction, retransmits", async () => {
    const { page } = await open(SIX);
    await goTo(page, 1, 3);
    const box = (await page.locator("#cursor").boundingBox())!;
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    const dialog = page.locator("dialog[open]");
    await dialog.locator("figure").first().waitFor();
    expect(await dialog.locator("figcaption").allTextContents()).toEqual([
      "Pod ICMP",
      "Pod TCP",
      "Pod UDP",
      "Node ICMP",
    ]);
    expect(await dialog.locator("h3").allTextContents()).toEqual(["node-2 → node-4", "node-4 → node-2"]);
    expect(
      await dialog
        .locator("path.line")
        .evaluateAll((lines) => lines.every((line) => line.getAttribute("d")!.split("L").length > 5)),
    ).toBe(true);
    expect(await dialog.locator("path.lost.there").count()).toBe(28);
    const text = (await dialog.textContent())!;
    expect(text).toContain("lost 2 on the way there, 0 on the way back");
    expect(text).toContain("lost 0 on the way there, 2 on the way back");
    expect(text).toContain("2 SYNs sent again");
    expect(text).toContain("Path MTU, pod network: 1450 bytes pass.");
  });

  test("a pair of a dead node shows what is known and says why the rest is not", async () => {
    const { page } = await open(SIX, { hash: "#pair=node-1,node-6" });
    await page.locator("dialog[open] figure").first().waitFor();
    const text = (await page.locator("dialog").textContent())!;
    expect(text).toContain("Nothing is known from node-6 to node-1: no answer from");
    expect(text).toContain("100% (60 of 60)");
  });

  test("a pair shows the findings that concern it, and a shortfall of its path MTU", async () => {
    const { page } = await open(SIX, { hash: "#pair=node-1,node-5" });
    await page.locator("dialog[open] figure").first().waitFor();
    await page.locator("dialog .finding").first().waitFor();
    const text = (await page.locator("dialog").textContent())!;
    expect(text).toContain("packets over 1400 bytes vanish; the kernel believes in 1450");
    expect(text).toContain("IN-PATH-MTU");
    expect(text).not.toContain("IN-NODE-DOWN");
  });

  test("shows delays by path, keeps the choice in the address, and has no worst of all for them", async () => {
    const { page } = await open(SIX);
    await page.getByRole("radio", { name: "RTT mean" }).check({ force: true });
    expect(await page.locator("#paths label").allTextContents()).toEqual([
      "Pod ICMP",
      "Pod TCP",
      "Pod UDP",
      "Node ICMP",
    ]);
    await page.getByRole("radio", { name: "Pod TCP" }).check({ force: true });
    await goTo(page, 0, 1);
    expect(await cursor(page)).toMatch(/^node-1 to node-2: RTT mean \d+ µs$/);
    await goTo(page, 1, 3);
    expect(await cursor(page)).toMatch(/^node-2 to node-4: RTT mean \d\.\d\d ms, with loss$/);
    expect(new URL(page.url()).hash).toBe("#show=rttMean&on=pod-tcp-ipv4");
    await page.reload();
    await page.locator("#status[data-state=live]").waitFor();
    expect(await page.getByRole("radio", { name: "Pod TCP" }).isChecked()).toBe(true);
  });

  test("follows the mesh by itself: a fault shows, and goes again", async () => {
    const { page, agents } = await open({ nodes: 6, zones: 3 });
    await page.getByText("All 30 pairs between 6 nodes lost nothing").waitFor();
    expect(await page.title()).toBe("nothing is wrong – Internode");
    const calm = await pixel(page, 1, 3);
    agents.mesh = { nodes: 6, zones: 3, loss: [{ from: "node-2", to: "node-4", ratio: 0.3 }] };
    await page.getByText("2 of 30 pairs lost packets").waitFor();
    expect(await pixel(page, 1, 3)).not.toEqual(calm);
    agents.mesh = { nodes: 6, zones: 3 };
    await page.getByText("All 30 pairs between 6 nodes lost nothing").waitFor();
    expect(await pixel(page, 1, 3)).toEqual(calm);
  });

  test("when the agent goes away the data is called old, greyed and never left looking fresh; when it is back it goes on", async () => {
    const { page, agents } = await open({ nodes: 3, zones: 1 });
    const port = agents.api.port;
    await agents[Symbol.asyncDispose]();
    await page.locator("#status[data-state=stale]").waitFor();
    expect(await page.locator("#status").textContent()).toMatch(
      /^Old: nothing heard for \d+ s; the agent does not answer; trying again$/,
    );
    expect(await page.title()).toBe("no news – Internode");
    expect(await page.locator("#matrix").evaluate((matrix) => getComputedStyle(matrix).filter)).toBe("grayscale(1)");
    opened.use(await startSampleAgents({ nodes: 3, zones: 1 }, { port }));
    await page.locator("#status[data-state=live]").waitFor();
    expect(await page.locator("#matrix").evaluate((matrix) => getComputedStyle(matrix).filter)).toBe("none");
  });

  test("shows any minute of the last hour by slider and keys, what is not known of it, and goes back to now", async () => {
    const { page, agents } = await open({ nodes: 6, zones: 3 });
    await page.getByText("All 30 pairs between 6 nodes lost nothing in the last minute").waitFor();
    const calm = await pixel(page, 1, 3);
    agents.past = {
      mesh: { nodes: 6, zones: 3, loss: [{ from: "node-2", to: "node-4", ratio: 0.3 }] },
      since: new Date().toISOString(),
    };
    const slider = page.getByRole("slider", { name: "Minute of the last hour" });
    await slider.focus();
    for (let i = 0; i < 3; i++) await page.keyboard.press("ArrowLeft");
    await page.getByText(/^2 of 30 pairs lost packets in the time from \d\d:\d\d to \d\d:\d\d UTC\.$/).waitFor();
    expect(await page.locator("#time output").textContent()).toMatch(/^\d\d:\d\d to \d\d:\d\d UTC, 3 min ago$/);
    expect(await slider.getAttribute("aria-valuetext")).toContain("3 min ago");
    expect(await pixel(page, 1, 3)).not.toEqual(calm);
    await page.getByText(/^Of this time node-1, .* know nothing before \d\d:\d\d UTC/).waitFor();
    expect(await page.title()).toMatch(/^at \d\d:\d\d UTC – Internode$/);
    const hash = new URLSearchParams(new URL(page.url()).hash.slice(1));
    expect(Date.parse(hash.get("at")!) % 60_000).toBe(0);
    // Live snapshots go on coming, and do not take the minute away; nor does a reload.
    await page.reload();
    await page.getByText(/^2 of 30 pairs lost packets in the time from/).waitFor();
    await slider.focus();
    await page.keyboard.press("End");
    await page.getByText("All 30 pairs between 6 nodes lost nothing in the last minute").waitFor();
    expect(await page.getByRole("button", { name: "Back to now" }).isVisible()).toBe(false);
    await page.keyboard.press("Home");
    await page.getByText(/60 min ago/).waitFor();
    await page.getByRole("button", { name: "Back to now" }).click();
    await page.getByText("All 30 pairs between 6 nodes lost nothing in the last minute").waitFor();
    expect(await page.title()).toBe("nothing is wrong – Internode");
    expect(await pixel(page, 1, 3)).toEqual(calm);
  });

  test("has a table with the same values for who cannot see the drawing", async () => {
    const { page } = await open(SIX);
    await page.getByText("The same as a table").click();
    const rows = await page
      .locator("#as-table tbody tr")
      .evaluateAll((trs) => trs.map((tr) => [...tr.children].map((cell) => cell.textContent)));
    expect(rows[1]).toEqual(["node-2", "0%", "self", "0%", "29%", "refused", "100%"]);
    expect(rows[5]).toEqual(["node-6", "no data", "no data", "no data", "no data", "no data", "self"]);
  });

  test.each(["light", "dark"] as const)(
    "has text that stands out by 4.5:1 from what is behind it (%s)",
    async (colorScheme) => {
      const { page } = await open(SIX, { colorScheme, hash: "#pair=node-2,node-4" });
      await page.locator("dialog[open] figure").first().waitFor();
      const weak = await page.evaluate(() => {
        const channels = (color: string) => (color.match(/[\d.]+/g) ?? []).map(Number);
        const light = (color: string) => {
          const [r, g, b] = channels(color).map((c) =>
            c / 255 <= 0.040_45 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4,
          );
          return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
        };
        const behind = (element: Element | null): string => {
          for (let e = element; e; e = e.parentElement) {
            const color = getComputedStyle(e).backgroundColor;
            if ((channels(color)[3] ?? 1) > 0.5) return color;
          }
          return "rgb(255, 255, 255)";
        };
        const own = (e: Element) => [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent!.trim() !== "");
        return [...document.querySelectorAll("body *")]
          .filter((e) => own(e) && !(e instanceof SVGTitleElement) && e.tagName !== "NOSCRIPT" && e.checkVisibility())
          .flatMap((e) => {
            const style = getComputedStyle(e);
            const [a, b] = [light(e instanceof SVGElement ? style.fill : style.color), light(behind(e))];
            const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
            return ratio < 4.5 ? [`${e.tagName} "${e.textContent}" ${ratio.toFixed(2)}`] : [];
          });
      });
      expect(weak).toEqual([]);
    },
  );

  test("in the dark the ground is dark and the cells change with it", async () => {
    const { page } = await open(SIX, { colorScheme: "light" });
    const light = await pixel(page, 0, 1);
    await page.emulateMedia({ colorScheme: "dark" });
    await page.waitForFunction(() => getComputedStyle(document.body).backgroundColor === "rgb(15, 21, 27)");
    const dark = await pixel(page, 0, 1);
    expect(Math.max(...dark)).toBeLessThan(Math.max(...light));
  });

  test("shows a hundred nodes: ten thousand cells, any of them reached and opened, in a handful of elements", async () => {
    const mesh: SampleMesh = { nodes: 100, zones: 5, loss: [{ from: "node-31", to: "node-72", ratio: 0.1 }] };
    const { page } = await open(mesh);
    await page.getByText("2 of 9,900 pairs lost packets").waitFor({ timeout: 40_000 });
    expect(await page.locator(".rows .node").allTextContents()).toEqual(sampleNodes(mesh).map(({ name }) => name));
    await page.locator("#matrix").focus();
    await page.keyboard.press("End");
    for (let i = 0; i < 3; i++) await page.keyboard.press("PageDown");
    expect(await cursor(page)).toMatch(/^node-31 to node-100: no loss/);
    expect(
      await page
        .locator("#cursor")
        .evaluate(
          (c) => c.getBoundingClientRect().right <= innerWidth && c.getBoundingClientRect().bottom <= innerHeight,
        ),
    ).toBe(true);
    expect(await page.evaluate(() => document.querySelectorAll("*").length)).toBeLessThan(500);
  }, 90_000);

  test("names that were made to deceive are shown as they are written, and obeyed by nothing", async () => {
    const names = Object.values(HOSTILE);
    const { page } = await open({ nodes: names.length, zones: 2, names, dead: { [names[1]!]: "" } });
    await page.getByText("is missing").first().waitFor();
    await page.locator("#findings summary").first().click();
    await page.locator("#as-table summary").click();
    await goTo(page, 0, 1);
    await page.keyboard.press("Enter");
    await page.locator("dialog[open] figure").first().waitFor();
    const shown = await page.evaluate(() => [
      document.title,
      ...[...document.body.querySelectorAll("*")].flatMap((e) => [
        ...[...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.textContent!.trim()),
        ...[...e.attributes].filter((a) => !a.name.startsWith("data-")).map((a) => a.value),
      ]),
    ]);
    expect(shown.filter((text) => OBEYED.test(text))).toEqual([]);
    expect(shown.join(" ")).toContain("node\\u{1b}[2J\\u{1b}[31m-1");
    expect(await page.locator("script").count()).toBe(1);
  });

  test("on a phone nothing runs out of the page sideways, and the matrix scrolls by itself", async () => {
    const { page } = await open(
      { nodes: 30, zones: 3 },
      { viewport: { width: 390, height: 800 }, isMobile: true, hasTouch: true },
    );
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    expect(await page.locator("#matrix").evaluate((m) => m.scrollWidth > m.clientWidth)).toBe(true);
    await page.locator(".cells canvas").tap({ position: { x: 100, y: 20 } });
    await page.locator("dialog[open] figure").first().waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  });
});
