// Reads the Prometheus text format 0.0.4 strictly: families contiguous, HELP and TYPE once and first, no series twice.

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ParsedFamily {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

export function parseExposition(text: string): {
  readonly families: readonly ParsedFamily[];
  readonly samples: readonly Sample[];
} {
  if (!text.endsWith("\n")) throw new Error("the text does not end with a line feed");
  const families: { name: string; type: string; help: string; samples: Sample[] }[] = [];
  const seen = new Set<string>();
  let help: { name: string; text: string } | undefined;
  for (const line of text.slice(0, -1).split("\n")) {
    const comment = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line);
    if (comment?.[1] === "HELP") {
      help = { name: comment[2]!, text: comment[3]! };
    } else if (comment) {
      const name = comment[2]!;
      if (help?.name !== name) throw new Error(`TYPE of ${name} without its HELP before it`);
      if (families.some((f) => f.name === name)) throw new Error(`family ${name} begins twice`);
      families.push({ name, type: comment[3]!, help: help.text, samples: [] });
    } else {
      const family = families.at(-1);
      const sample = parseSample(line);
      if (!family || !belongs(sample.name, family)) throw new Error(`a line outside its family: ${line}`);
      const key = JSON.stringify([
        sample.name,
        Object.keys(sample.labels)
          .sort()
          .map((label) => [label, sample.labels[label]]),
      ]);
      if (seen.has(key)) throw new Error(`a series twice: ${line}`);
      seen.add(key);
      family.samples.push(sample);
    }
  }
  return { families, samples: families.flatMap((f) => f.samples) };
}

function belongs(name: string, { name: family, type }: { readonly name: string; readonly type: string }): boolean {
  const suffixes =
    type === "histogram" ? ["_bucket", "_sum", "_count"] : type === "summary" ? ["_sum", "_count"] : [""];
  return suffixes.some((suffix) => name === family + suffix);
}

function parseSample(line: string): Sample {
  const name = /^[a-zA-Z_:][a-zA-Z0-9_:]*/.exec(line)?.[0];
  if (name === undefined) throw new Error(`not a sample: ${line}`);
  let rest = line.slice(name.length);
  const labels: Record<string, string> = {};
  if (rest.startsWith("{")) {
    rest = rest.slice(1);
    while (!rest.startsWith("}")) {
      const label = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)",?/.exec(rest);
      if (!label) throw new Error(`bad labels: ${line}`);
      labels[label[1]!] = label[2]!.replace(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c));
      rest = rest.slice(label[0].length);
    }
    rest = rest.slice(1);
  }
  if (!/^ \S+$/.test(rest)) throw new Error(`bad value: ${line}`);
  return { name, labels, value: Number(rest.slice(1).replace("+Inf", "Infinity")) };
}
