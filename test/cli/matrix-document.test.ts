import { describe, expect, test } from "vitest";
import { matrixCsv, matrixHtml, matrixMarkdown, type MatrixDocument } from "../../agent/cli/matrix-document.ts";
import { judgeSnapshot } from "../../agent/diagnosis/judge-snapshot.ts";
import { MeshGrid } from "../../agent/diagnosis/notes/mesh-grid.ts";
import { summarize } from "../../agent/diagnosis/notes/summary.ts";
import { HOSTILE, OBEYED } from "../support/hostile.ts";
import { sampleSnapshot, type SampleMesh } from "../support/sample-mesh.ts";

function documentOf(mesh: SampleMesh): MatrixDocument {
  const snapshot = sampleSnapshot(mesh);
  const grid = new MeshGrid(snapshot);
  const names = new Set(grid.nodes.map((node) => node.name));
  return {
    grid,
    summary: summarize(grid, judgeSnapshot(snapshot)),
    show: "both",
    from: names,
    to: names,
    asked: "3 of 3 rows, asked of node-1.",
  };
}

const THREE: SampleMesh = { nodes: 3, zones: 2, dead: { "node-3": "switched off" } };

/** Fields of RFC 4180, as any reader of it takes them. */
function parseCsv(text: string): string[][] {
  return text
    .split("\n")
    .map((line) =>
      [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)].map(([, quoted, plain]) =>
        quoted === undefined ? plain! : quoted.replaceAll('""', '"'),
      ),
    );
}

test("CSV has a line for each pair and path, and nothing where nothing was measured", () => {
  const [head, ...lines] = parseCsv(matrixCsv(documentOf(THREE)));
  expect(lines).toHaveLength(2 * 2 * 4);
  const records = lines.map((line) => Object.fromEntries(head!.map((name, i) => [name, line[i]])));
  const dead = records.find((r) => r["destination"] === "node-3" && r["protocol"] === "icmp")!;
  expect(dead).toMatchObject({
    source: "node-1",
    source_zone: "zone-a",
    destination_zone: "zone-b",
    ip_family: "ipv4",
  });
  expect(dead).toMatchObject({
    probes: "60",
    failures: "60",
    loss_ratio: "1",
    rtt_mean_seconds: "",
    jitter_seconds: "",
  });
  const fine = records.find((r) => r["destination"] === "node-2")!;
  expect(Number(fine["rtt_mean_seconds"])).toBeGreaterThan(1e-5);
  expect(Number(fine["rtt_mean_seconds"])).toBeLessThan(1e-2);
});

test("Markdown has the headline, the notes and a table for each path", () => {
  const text = matrixMarkdown(documentOf(THREE));
  expect(text).toMatch(
    /^## Node node-3 is gone: .*\n\n2 of 4 pairs lost packets in the last minute\. The row of node-3 is missing\.\n\n- Node node-3 is gone: .*IN-NODE-DOWN/,
  );
  expect(text).toContain("### Pod ICMP\n\n| from \\\\ to | node-1 | node-2 | node-3 |\n| --- | ---: | ---: | ---: |\n");
  expect(text).toContain("| node-3 (zone-b) | ? | ? | · |");
});

test("HTML is one file that asks for nothing and runs nothing", () => {
  const html = matrixHtml(documentOf(THREE));
  expect(html).toMatch(/^<!doctype html>/);
  expect(html).toContain('<td class="failing">FAIL</td>');
  expect(html).not.toMatch(/<script|<link|src=|url\(/);
  expect(html).toContain("default-src 'none'");
});

describe.each(Object.entries(HOSTILE))("%s in a name", (_what, name) => {
  const document = documentOf({ nodes: 3, zones: 1, names: [name], dead: { "node-3": name } });

  test("stays one field of CSV, and no formula", () => {
    const lines = parseCsv(matrixCsv(document));
    expect(lines.filter((line) => line.length !== 15)).toEqual([]);
    expect(lines.flat().filter((field) => OBEYED.test(field) || /^[=+@]/.test(field))).toEqual([]);
  });

  test("is text in Markdown and in HTML", () => {
    for (const text of [matrixMarkdown(document), matrixHtml(document)])
      expect(text.split("\n").filter((line) => OBEYED.test(line))).toEqual([]);
    expect(matrixMarkdown(document)).not.toMatch(/(^|[^\\])<(script|b)>/);
    expect(matrixHtml(document)).not.toMatch(/<script|<b>|onmouseover="/);
  });
});

test.each(["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)"])("'%s' is no formula in CSV", (name) => {
  const fields = parseCsv(matrixCsv(documentOf({ nodes: 2, zones: 1, names: [name] }))).flat();
  expect(fields).toContain(`'${name}`);
  expect(fields).not.toContain(name);
});

test("a pipe or an emphasis in a name breaks no Markdown table", () => {
  const text = matrixMarkdown(documentOf({ nodes: 2, zones: 1, names: ["a|b *c* [d](e)"] }));
  expect(text).toContain("a\\|b \\*c\\* \\[d\\](e)");
});
