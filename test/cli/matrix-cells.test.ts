import { expect, test } from "vitest";
import { failingCells, notesOf } from "../support/matrix-cells.ts";

const TEXT = `Pod ICMP
from \\ to        node-1  node-2  node-3
node-1 (zone-a)       ·    FAIL   93 µs
node-2 (zone-b)  no row: see below
node-3 (zone-c)    FAIL   89 µs       ·

Node ICMP IPv6
from \\ to        node-1  node-2
node-1 (zone-a)       ·    FAIL
node-2 (zone-b)   60 µs       ·

2 of 6 pairs lost packets in the last minute.
- No row from node-2.

2 of 3 rows, the minute before now.
`;

test("the cells of a printed matrix that failed are told as the slots they stand for", () => {
  expect(failingCells(TEXT)).toEqual([
    "node-1 → node-2 node icmp ipv6",
    "node-1 → node-2 pod icmp",
    "node-3 → node-1 pod icmp",
  ]);
  expect(notesOf(TEXT)).toEqual(["- No row from node-2."]);
});
