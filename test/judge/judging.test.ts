// Who judges, what it remembers and who answers, on a mesh of judges that hear each other, with a fake clock.
import { expect, test } from "vitest";
import type { Finding } from "../../agent/model/finding.ts";
import { JudgeMesh } from "./mesh.ts";

const MESH = { nodes: 8, zones: 2 };
const DEAD = { ...MESH, dead: { "node-8": "no answer" } };

const codes = ({ findings }: { readonly findings: readonly { readonly code: string }[] }) =>
  findings.map(({ code }) => code);

test("two agents judge, those that rank first, from the first minute on", async () => {
  const mesh = new JudgeMesh(MESH);
  await mesh.passSeconds(10);
  expect(mesh.judging).toEqual(mesh.order.slice(0, 2));
  await mesh.passSeconds(120);
  expect(mesh.judging).toEqual(mesh.order.slice(0, 2));
});

test("the next in rank takes over when one has been silent for 15 s, and hands back when it returns", async () => {
  const mesh = new JudgeMesh(MESH);
  await mesh.passSeconds(30);
  const [first, second, third] = mesh.order as [string, string, string];
  mesh.kill(first);
  // It answered five seconds ago, and was not asked since.
  await mesh.passSeconds(5);
  expect(mesh.judging).toEqual([second]);
  await mesh.passSeconds(5);
  expect(mesh.judging).toEqual([second, third]);
  mesh.start(first);
  await mesh.passSeconds(20);
  expect(mesh.judging).toEqual([first, second]);
});

test("with many silent at once the two next that live judge", async () => {
  const mesh = new JudgeMesh(MESH);
  await mesh.passSeconds(30);
  mesh.kill(...mesh.order.slice(0, 5));
  await mesh.passSeconds(40);
  expect(mesh.judging).toEqual(mesh.order.slice(5, 7));
});

test("a judge whose judging hangs is replaced like one that is silent", async () => {
  const mesh = new JudgeMesh(MESH);
  await mesh.passSeconds(30);
  mesh.hanging.add(mesh.order[0]!);
  await mesh.passSeconds(80);
  expect(mesh.judging).toEqual(mesh.order.slice(0, 3));
  expect(await mesh.judge(mesh.order[0]!).answer({ kind: "verdict", by: mesh.order[0]! })).toMatchObject({
    status: 503,
  });
});

test("nobody is asked by all: each agent answers its two neighbours in the order, at every second look", async () => {
  const mesh = new JudgeMesh({ nodes: 20, zones: 2 });
  await mesh.passSeconds(10);
  mesh.asked.clear();
  await mesh.passSeconds(50);
  // Ten looks, and at each second one at most two ask.
  expect(Math.max(...mesh.asked.values())).toBeLessThanOrEqual(10);
});

test("killing one judge, then the other, loses no finding: id and beginning stay", async () => {
  const mesh = new JudgeMesh(MESH);
  await mesh.passSeconds(60);
  mesh.mesh = DEAD;
  await mesh.passSeconds(60);
  const [first, second, third] = mesh.order as [string, string, string];
  const last = mesh.order.at(-1)!;
  const { findings: before } = await mesh.findings(last);
  expect(before.map(({ code }) => code)).toEqual(["IN-NODE-DOWN"]);
  const inherited = (await mesh.findings(second)).findings;
  expect(codes({ findings: inherited })).toEqual(codes({ findings: before }));
  mesh.kill(first);
  await mesh.passSeconds(60);
  mesh.kill(second);
  await mesh.passSeconds(60);
  const after = await mesh.findings(last);
  expect(after.by.name).toBe(third);
  const identityOf = ({ id, since }: Finding) => ({ id, since });
  expect(after.findings.map(identityOf)).toEqual(inherited.map(identityOf));
});

test("a judge that starts anew takes open findings and those that are over from the other", async () => {
  const mesh = new JudgeMesh(MESH);
  await mesh.passSeconds(60);
  mesh.mesh = DEAD;
  await mesh.passSeconds(60);
  const [first, second] = mesh.order as [string, string];
  const open = (await mesh.findings(second)).findings[0]!;
  mesh.mesh = MESH;
  await mesh.passSeconds(400);
  expect((await mesh.findings(second)).ended.map(({ id }) => id)).toContain(open.id);
  mesh.kill(first);
  mesh.start(first);
  await mesh.passSeconds(20);
  const anew = await mesh.findings(first);
  expect(anew.by.name).toBe(first);
  expect(anew.ended.map(({ id }) => id)).toContain(open.id);
});

test("any agent answers in a judge's words", async () => {
  const mesh = new JudgeMesh(DEAD);
  await mesh.passSeconds(90);
  const [first] = mesh.order as [string];
  const answers = await Promise.all(mesh.order.slice(2).map((name) => mesh.findings(name)));
  for (const answer of answers) expect(answer).toEqual(await mesh.findings(first));
  expect(answers[0]!.alone).toBeUndefined();
});

test("where no judge answers an agent judges by itself and says so", async () => {
  const mesh = new JudgeMesh(DEAD);
  await mesh.passSeconds(30);
  const [last] = mesh.order.slice(-1) as [string];
  mesh.kill(...mesh.order.slice(0, 4));
  const answer = await mesh.findings(last);
  expect(answer).toMatchObject({ by: { name: last }, state: "broken" });
  expect(answer.alone).toContain(`${last} judged by itself`);
  expect(codes(answer)).toContain("IN-NODE-DOWN");
  expect(mesh.judge(last).report).toBeUndefined();
});

test("asked for its own judgement an agent that does not judge says so, and one of another name too", async () => {
  const mesh = new JudgeMesh(MESH);
  await mesh.passSeconds(30);
  const name = mesh.order[5]!;
  expect(await mesh.judge(name).answer({ kind: "verdict", by: name })).toMatchObject({ status: 404 });
  expect(await mesh.judge(name).answer({ kind: "verdict", by: mesh.order[0]! })).toMatchObject({ status: 404 });
});

test("a verdict says nothing of what is over, findings do", async () => {
  const mesh = new JudgeMesh(MESH);
  await mesh.passSeconds(30);
  const judging = mesh.judge(mesh.order[0]!);
  const verdict = await judging.answer({ kind: "verdict" });
  const findings = await judging.answer({ kind: "findings" });
  expect("document" in verdict && Object.keys(verdict.document)).not.toContain("ended");
  expect("document" in findings && findings.document).toMatchObject({ ended: [], findings: [] });
});

test("while all is calm each judge judges six times a minute, not in step with the other", async () => {
  const mesh = new JudgeMesh(MESH);
  await mesh.watchSeconds(60);
  mesh.gathered.clear();
  await mesh.watchSeconds(600);
  expect(Object.fromEntries(mesh.gathered)).toEqual(
    Object.fromEntries(mesh.order.slice(0, 2).map((name) => [name, 60])),
  );
});

test("when its own probes begin to be lost a judge looks at once, and goes on as usual when that is no news any more", async () => {
  const mesh = new JudgeMesh(MESH);
  await mesh.watchSeconds(120);
  const first = mesh.order[0]!;
  const asked = async (seconds: number, lostEachSecond: number): Promise<number> => {
    const before = mesh.gathered.get(first)!;
    await mesh.watchSeconds(seconds, lostEachSecond);
    return mesh.gathered.get(first)! - before;
  };
  expect(await asked(10, 2)).toBeGreaterThanOrEqual(3);
  expect(await asked(60, 2)).toBeLessThanOrEqual(14);
  expect(await asked(600, 2)).toBe(60);
});

test("what the rows of others tell hastens the next look too", async () => {
  const mesh = new JudgeMesh(MESH);
  await mesh.watchSeconds(120);
  mesh.mesh = DEAD;
  mesh.gathered.clear();
  await mesh.watchSeconds(30);
  expect(mesh.gathered.get(mesh.order[0]!)).toBeGreaterThan(5);
});

test("a mesh that is never at rest costs at most twice the judgements", async () => {
  const mesh = new JudgeMesh(MESH);
  await mesh.watchSeconds(120);
  mesh.gathered.clear();
  for (let minute = 0; minute < 10; minute++) {
    await mesh.watchSeconds(10, 2 + 10 * minute);
    await mesh.watchSeconds(50);
  }
  expect(mesh.gathered.get(mesh.order[0]!)).toBeLessThanOrEqual(2 * 60 + 8);
  expect(mesh.gathered.get(mesh.order[0]!)).toBeGreaterThan(80);
});
