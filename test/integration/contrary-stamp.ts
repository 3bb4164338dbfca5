// Answers UDP probes as no reflector would: late, twice, damaged.
import { createSocket } from "node:dgram";
import { id64, StampFormat } from "../../agent/wire/stamp.ts";
import type { Contrariness, ContraryEchoOptions } from "./contrary-echo.ts";

/** Binds at once, so that it can be done inside another namespace. */
export function contraryStamp(port: number, { kind, lateByMs, far }: ContraryEchoOptions): Disposable {
  const format = new StampFormat({ baseSeconds: 0 });
  const socket = far(() =>
    createSocket({ type: "udp4", lookup: (host, _options, done) => done(null, host, 4) }).bind({
      port,
      exclusive: true,
    }),
  );
  let sequence = 0;
  let closed = false;
  socket.on("message", (request, from) => {
    if (format.decodeRequest(request).kind === "fault") return;
    const reply = Buffer.alloc(request.length);
    const unsealed = format.encodeReply(reply, request, {
      sequence: sequence++,
      receivedNs: 0,
      residenceClock: "user",
      ttl: 255,
      drops: 0,
      reflector: id64("00000000000000ff"),
      arrivals: { highest: 0, high: 0, low: 0 },
    });
    format.sealReply(unsealed, 0);
    const bend: Readonly<Record<Contrariness, () => void>> = {
      late: () => setTimeout(answer, lateByMs),
      duplicate: () => (answer(), setTimeout(answer, 20)),
      corrupt: () => ((reply[reply.length - 1]! ^= 1), answer()),
    };
    const answer = () => closed || socket.send(reply, from.port, from.address);
    bend[kind]();
  });
  return {
    [Symbol.dispose]() {
      closed = true;
      socket.close();
    },
  };
}
