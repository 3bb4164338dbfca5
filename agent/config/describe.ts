// The options in words: for a terminal and as the table of the docs.
import { describeValues, OPTIONS, type Option } from "./options.ts";

/** What an option is when nobody says anything. */
function defaultOf({ schema }: Option): string {
  if (schema.default === undefined) return "none";
  return typeof schema.default === "string" ? schema.default || '""' : JSON.stringify(schema.default);
}

const scope = ({ kind }: Option): string => (kind === undefined ? "" : `Only with discovery.kind ${kind}. `);

/** One paragraph an option, as `--help` prints it. */
export function optionsForTerminal(): string {
  return OPTIONS.map(
    (option) =>
      `  ${option.flag}\n      ${scope(option)}${option.description.replaceAll("`", "")}\n      ${describeValues(option.schema)}; ${option.required ? "must be set" : `default: ${defaultOf(option)}`}`,
  ).join("\n");
}

/** The table of docs/configuration.md. */
export function optionsAsMarkdown(): string {
  const cell = (text: string): string => text.replaceAll("|", "\\|");
  const rows = OPTIONS.map((option) => {
    const value = option.required ? "**must be set**" : `\`${defaultOf(option)}\``;
    return `| \`${option.path}\`<br>\`${option.flag}\`<br>\`${option.environment}\` | ${value} | ${cell(describeValues(option.schema))} | ${cell(scope(option) + option.description)} |`;
  });
  return ["| option, flag, variable | default | values | meaning |", "|---|---|---|---|", ...rows].join("\n");
}
