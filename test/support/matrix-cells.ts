// What `internode matrix` printed, by slot as support/slots.ts names them.

/** Slots whose cell says that every probe was lost, sorted. Rows that are missing have no cells. */
export function failingCells(text: string): readonly string[] {
  const failing: string[] = [];
  for (const section of text.split(/\n\n/)) {
    const [title = "", header = "", ...rows] = section.split("\n");
    if (!header.startsWith("from \\ to")) continue;
    const path = title.toLowerCase().replace(/ ipv4$/, "");
    const [, ...destinations] = words(header);
    for (const row of rows) {
      const [source = "", ...cells] = words(row);
      for (const [i, cell] of cells.entries())
        if (cell === "FAIL") failing.push(`${source.replace(/ \(.*$/, "")} → ${destinations[i]} ${path}`);
    }
  }
  return failing.sort();
}

/** What it says below the tables, line by line. */
export const notesOf = (text: string): readonly string[] => text.split("\n").filter((line) => line.startsWith("- "));

const words = (line: string): readonly string[] => line.trim().split(/\s{2,}/);
