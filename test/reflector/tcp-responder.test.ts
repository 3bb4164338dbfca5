import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { expect, it } from "vitest";
import { deferAccept } from "../../agent/kernel/listening-socket.ts";
import { tcpResponder } from "../../agent/reflector/tcp-responder.ts";

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

it("accepts each connection, closes it at once, and listens no more when disposed, twice", async () => {
  const port = await freePort();
  const responder = await tcpResponder({ port, addresses: ["127.0.0.1", "127.0.0.2"] });
  for (const host of ["127.0.0.1", "127.0.0.2", "127.0.0.1"]) {
    const socket = connect({ port, host });
    await once(socket.resume(), "close");
  }
  expect(responder.accepted).toBe(3);
  await responder[Symbol.asyncDispose]();
  await responder[Symbol.asyncDispose]();
  const refused = connect({ port, host: "127.0.0.1" });
  const [err] = (await once(refused, "error").catch((e: unknown) => [e])) as [NodeJS.ErrnoException];
  expect(err.code).toBe("ECONNREFUSED");
});

it("is not woken by a handshake that is reset, where the kernel can answer alone, and closes one that sends or ends", async () => {
  const port = await freePort();
  await using responder = await tcpResponder({ port, addresses: ["127.0.0.1"], deferAccept });
  for (let i = 0; i < 20; i++) {
    const socket = connect({ port, host: "127.0.0.1" });
    await once(socket, "connect");
    socket.resetAndDestroy();
  }
  for (const words of ["hello", ""]) {
    const socket = connect({ port, host: "127.0.0.1" });
    await once(socket, "connect");
    // What it sends is not read: then the end is a reset.
    socket.on("error", () => {}).end(words);
    await new Promise((closed) => socket.resume().on("close", closed));
  }
  expect(responder.accepted).toBe(2);
});

it("accepts every connection where the kernel cannot be told", async () => {
  const port = await freePort();
  const deferAccept = (): never => {
    throw new Error("ENOPROTOOPT");
  };
  await using responder = await tcpResponder({ port, addresses: ["127.0.0.1"], deferAccept });
  const socket = connect({ port, host: "127.0.0.1" });
  await once(socket.resume(), "close");
  expect(responder.accepted).toBe(1);
});

it("says what to do when its port is taken, and leaves no other address listening", async () => {
  const port = await freePort();
  const taken = createServer().listen(port, "127.0.0.2");
  await once(taken, "listening");
  await expect(tcpResponder({ port, addresses: ["127.0.0.1", "127.0.0.2"] })).rejects.toThrow(
    /EADDRINUSE.*set ports\.probe/,
  );
  const again = await tcpResponder({ port, addresses: ["127.0.0.1"] });
  await again[Symbol.asyncDispose]();
  taken.close();
});
