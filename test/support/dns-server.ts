// A DNS server process that misbehaves on demand: the first label of the name says how it answers. Run it with an
// address; it prints the port it serves over UDP and TCP, and ends with its standard input.
import { createSocket } from "node:dgram";
import { createServer } from "node:net";

const A = 1;
const RCODES: Readonly<Record<string, number>> = {
  formerr: 1,
  servfail: 2,
  nxdomain: 3,
  notimp: 4,
  refused: 5,
  code9: 9,
};

interface Query {
  readonly id: number;
  readonly labels: readonly string[];
  readonly type: number;
  /** The question section as it came. */
  readonly question: Buffer;
}

interface Reply {
  readonly bytes: Buffer;
  readonly afterMs?: number;
}

function parse(bytes: Buffer): Query {
  const labels: string[] = [];
  let at = 12;
  for (let length = bytes[at]!; length > 0; length = bytes[at]!) {
    labels.push(bytes.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { id: bytes.readUInt16BE(0), labels, type: bytes.readUInt16BE(at + 1), question: bytes.subarray(12, at + 5) };
}

function message(
  query: Query,
  options: {
    readonly rcode?: number;
    readonly truncated?: boolean;
    readonly id?: number;
    readonly question?: Buffer;
    readonly answers?: readonly Buffer[];
  } = {},
): Buffer {
  const { rcode = 0, truncated = false, id = query.id, question = query.question, answers = [] } = options;
  const header = Buffer.alloc(12);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(0x8180 | (truncated ? 0x0200 : 0) | rcode, 2);
  header.writeUInt16BE(question.length > 0 ? 1 : 0, 4);
  header.writeUInt16BE(answers.length, 6);
  return Buffer.concat([header, question, ...answers]);
}

function record(owner: Buffer, type: number, data: Buffer): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt32BE(30, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([owner, fixed, data]);
}

/** A compression pointer to the name in the question. */
const ASKED_NAME = Buffer.of(0xc0, 12);
const address = (query: Query) =>
  record(
    ASKED_NAME,
    query.type,
    query.type === A ? Buffer.of(192, 0, 2, 1) : Buffer.from("20010db8000000000000000000000001", "hex"),
  );

function replies(query: Query, transport: "udp" | "tcp"): readonly Reply[] {
  const behaviour = query.labels[0] ?? "";
  const fine: Reply = { bytes: message(query, { answers: [address(query)] }) };
  const rcode = RCODES[behaviour];
  if (rcode !== undefined) return [{ bytes: message(query, { rcode }) }];
  switch (behaviour) {
    case "resolves":
      return [fine];
    case "v4only":
      return [query.type === A ? fine : { bytes: message(query) }];
    case "nodata":
      return [{ bytes: message(query) }];
    case "alias": {
      const canonical = Buffer.concat([Buffer.of(4), Buffer.from("real"), ASKED_NAME]);
      return [{ bytes: message(query, { answers: [record(ASKED_NAME, 5, canonical), address(query)] }) }];
    }
    case "silent":
      return [];
    case "drop-a":
      return query.type === A ? [] : [fine];
    case "drop-aaaa":
      return query.type === A ? [fine] : [];
    case "bare-formerr":
      return [{ bytes: message(query, { rcode: 1, question: Buffer.alloc(0) }) }];
    case "garbage":
      return [{ bytes: Buffer.concat([fine.bytes.subarray(0, 12), Buffer.alloc(40, 0xff)]) }];
    case "truncated":
      return [transport === "udp" ? { bytes: message(query, { truncated: true }) } : fine];
    case "truncated-for-good":
      return [{ bytes: message(query, { truncated: true }) }];
    case "spoofed":
      // A wrong id, another's question, a query instead of an answer, too short; then the truth.
      return [
        { bytes: message(query, { id: query.id ^ 0x55aa, rcode: 3 }) },
        {
          bytes: message(query, {
            rcode: 3,
            question: Buffer.concat([Buffer.from("\u0005other\0", "latin1"), query.question.subarray(-4)]),
          }),
        },
        { bytes: Buffer.concat([fine.bytes.subarray(0, 2), Buffer.of(1, 0), fine.bytes.subarray(4)]) },
        { bytes: Buffer.alloc(3) },
        fine,
      ];
    case "slow":
      return [{ ...fine, afterMs: Number(query.labels[1]) }];
    default:
      return [{ bytes: message(query, { rcode: 3 }) }];
  }
}

const udp = createSocket("udp4");
const tcp = createServer((socket) => {
  let received = Buffer.alloc(0);
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk) => {
    received = Buffer.concat([received, chunk]);
    if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
    for (const { bytes } of replies(parse(received.subarray(2)), "tcp")) {
      // In two pieces: a reader must wait for the whole.
      socket.write(Buffer.of(bytes.length >> 8));
      socket.end(Buffer.concat([Buffer.of(bytes.length & 0xff), bytes]));
    }
  });
});
udp.on("message", (bytes, from) => {
  for (const { bytes: reply, afterMs = 0 } of replies(parse(bytes), "udp")) {
    if (afterMs === 0) udp.send(reply, from.port, from.address);
    else setTimeout(() => udp.send(reply, from.port, from.address), afterMs);
  }
});
const [ip = "127.0.0.1", port = "0"] = process.argv.slice(2);
tcp.listen(Number(port), ip, () => {
  const bound = tcp.address();
  if (bound === null || typeof bound === "string") throw new Error("the TCP server has no port");
  udp.bind(bound.port, ip, () => process.stdout.write(`${bound.port}\n`));
});
process.stdin.on("end", () => process.exit(0)).resume();
