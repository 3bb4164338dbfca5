import { createServer as createHttpServer } from "node:http";
import { createServer, type Server } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { closeServer, listen } from "../../agent/base/listen.ts";

const at = (port: number, address?: string) => ({ what: "the test", port, address, option: "ports.test" });
const ignore = { failed: () => {} };

async function open(server: Server = createServer()): Promise<{ server: Server; port: number }> {
  const { port } = await listen(server, at(0, "127.0.0.1"), ignore);
  onTestFinished(() => closeServer(server));
  return { server, port };
}

test("a port that is taken is refused with what has it and what to do, and nothing is left open", async () => {
  const { port } = await open();
  const second = createServer();
  await expect(listen(second, at(port, "127.0.0.1"), ignore)).rejects.toThrow(
    `the test: cannot listen on 127.0.0.1, port ${port}: EADDRINUSE; another process has it`,
  );
  expect(second.listening).toBe(false);
});

test("an address of another machine is refused with the option to correct", async () => {
  await expect(listen(createServer(), at(0, "192.0.2.1"), ignore)).rejects.toThrow(/EADDRNOTAVAIL; .*correct listen/);
});

test("every error of an open server is told, not only the first", async () => {
  const told: (string | undefined)[] = [];
  const server = createServer();
  await listen(server, at(0, "127.0.0.1"), { failed: (err) => told.push(err.code) });
  onTestFinished(() => closeServer(server));
  for (const code of ["EMFILE", "ENFILE"]) server.emit("error", Object.assign(new Error(code), { code }));
  expect(told).toEqual(["EMFILE", "ENFILE"]);
});

test("closing lets an answer under way finish, cuts what takes longer, and may be done twice", async () => {
  const asked: (() => void)[] = [];
  const http = createHttpServer((_request, response) => void asked.push(() => response.end("done")));
  const { server, port } = await open(http);
  const ask = () => fetch(`http://127.0.0.1:${port}/`).then((response) => response.text());
  const [finished, cut] = [ask(), ask().catch(() => "cut")];
  await expect.poll(() => asked.length).toBe(2);
  const closed = closeServer(server, 200);
  asked[0]!();
  expect(await finished).toBe("done");
  expect(await cut).toBe("cut");
  await closed;
  await closeServer(server);
  expect(server.listening).toBe(false);
});
