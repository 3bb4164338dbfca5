// In a process of its own, in which V8 tells whether a function is compiled: what a judgement runs most is compiled once.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const ROOT = new URL("../../", import.meta.url).href;

test("what was compiled in one judgement is there in the next, though all it was about has been collected", async () => {
  const source = `
    const at = (file) => import(${JSON.stringify(ROOT)} + file);
    const { evidenceFromRows } = await at("agent/diagnosis/evidence/from-snapshot.ts");
    const { EvidenceBuilder } = await at("agent/diagnosis/evidence/builder.ts");
    const { LossModel } = await at("agent/diagnosis/locate/model.ts");
    const { scoreOf } = await at("agent/diagnosis/locate/likelihood.ts");
    const { Judge } = await at("agent/diagnosis/judge.ts");
    const { compactEvidence } = await at("agent/judge/gather.ts");
    const { encodeRow, readCompactRow } = await at("agent/peers/compact-row.ts");
    const { ByteReader } = await at("agent/peers/row-bytes.ts");
    const { SlotReader } = await at("agent/peers/slot-bytes.ts");
    const { sampleNodes, sampleRow } = await at("test/support/sample-mesh.ts");

    const mesh = { nodes: 8, zones: 2, loss: [{ from: "node-2", to: "node-5", ratio: 0.2 }] };
    const nodes = sampleNodes(mesh);
    const rows = nodes.map((node) => encodeRow(sampleRow(mesh, node)));
    const judge = new Judge();
    let atSeconds = 1_790_000_000;
    const judgeOnce = () => {
      const read = rows.map((row, i) => compactEvidence(readCompactRow(row, nodes[i])));
      const known = nodes.map((node) => ({ node }));
      judge.judge(evidenceFromRows({ atSeconds: atSeconds++, judge: "node-1", missing: [], nodes: known, rows: read }));
    };
    const columns = new EvidenceBuilder({ atSeconds, nodes: [], pairCapacity: 0 }).path({ network: "pod", protocol: "icmp", family: "ipv4" }).constructor;
    const hot = {
      "ByteReader.u16": ByteReader.prototype.u16,
      "SlotReader.next": SlotReader.prototype.next,
      "SlotReader.check": SlotReader.prototype.check,
      "EvidenceBuilder.pair": EvidenceBuilder.prototype.pair,
      "Columns.slot": columns.prototype.slot,
      "LossModel.surpluses": LossModel.prototype.surpluses,
      scoreOf,
    };
    const uncompiled = () => Object.keys(hot).filter((name) => (%GetOptimizationStatus(hot[name]) & 16) === 0);
    for (let i = 0; i < 20; i++) judgeOnce();
    for (let i = 0; i < 10 && uncompiled().length > 0; i++) {
      for (const name of uncompiled()) %OptimizeFunctionOnNextCall(hot[name]);
      judgeOnce();
    }
    const before = uncompiled();
    await new Promise((resolve) => setImmediate(resolve));
    for (let i = 0; i < 3; i++) gc();
    console.log(JSON.stringify({ before, after: uncompiled() }));`;
  const flags = ["--expose-gc", "--allow-natives-syntax", "--input-type=module"];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, "--eval", source]);
  expect(JSON.parse(stdout)).toEqual({ before: [], after: [] });
});
