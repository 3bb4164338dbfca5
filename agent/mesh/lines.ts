// A stream of bytes as its lines.
import { MalformedAnswerError } from "./kube-errors.ts";

/** Empty lines are left out; a last line without an end is one that was cut, and is not returned. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<string> {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      const line = Buffer.concat([...parts, chunk.subarray(from, end)])
        .toString("utf8")
        .trim();
      [parts, bytes, from] = [[], 0, end + 1];
      if (line !== "") yield line;
    }
    if (from < chunk.byteLength) {
      parts.push(chunk.subarray(from));
      bytes += chunk.byteLength - from;
    }
    if (bytes > maxBytes) throw new MalformedAnswerError(`a line is longer than ${maxBytes} bytes`);
  }
}
