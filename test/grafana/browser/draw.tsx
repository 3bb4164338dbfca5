// Draws one panel of a dashboard with Grafana's own code: its transformations, its display of values, its table and
// graph. What is missing of Grafana is only its server, and the wiring between a panel's JSON and these parts.
import {
  createTheme, dateTime, FieldType, fieldMatchers, getDisplayProcessor, getFieldDisplayName, standardTransformers, standardTransformersRegistry, ThemeContext, transformDataFrame,
  type DataFrame, type Field, type TimeRange,
} from "@grafana/data";
import { initPluginTranslations } from "@grafana/i18n";
import { TimeSeries } from "@grafana/ui";
// What the table panel draws since Grafana 12. `Table` of the package is the one before it.
import { TableNG } from "@grafana/ui/unstable";
import type { LegendDisplayMode, TableCellHeight } from "@grafana/schema";
import { createRoot } from "react-dom/client";
import { lastValueFrom } from "rxjs";
import gridCss from "@grafana/react-data-grid/lib/styles.css";
import uplotCss from "uplot/dist/uPlot.min.css";
import type { Picture, Result } from "../picture.ts";

const theme = createTheme({ colors: { mode: "dark" } });

interface TableOptions {
  readonly cellHeight: TableCellHeight;
  readonly frozenColumns?: { readonly left: number };
  readonly sortBy?: { displayName: string; desc?: boolean }[];
}

declare global {
  interface Window {
    draw: (picture: Picture) => Promise<void>;
  }
}

window.draw = async (picture) => {
  await initPluginTranslations("internode-dashboards");
  // One of them is listed under two names.
  const transformers = [...new Map(Object.values(standardTransformers).map((transformer) => [transformer.id, transformer])).values()];
  standardTransformersRegistry.setInit(() => transformers.map((transformer) => ({ id: transformer.id, name: transformer.name, transformation: () => Promise.resolve(transformer), imageDark: "", imageLight: "", editor: () => null })));
  const { panel, width, height } = picture;
  const style = document.createElement("style");
  // What Grafana's page has as global styles, as far as these panels need it.
  style.textContent = `${uplotCss} ${gridCss} * { box-sizing: border-box } button { color: inherit; font: inherit; background: none; border: 0; padding: 0 }`;
  document.head.append(style);
  const frames = configure(await lastValueFrom(transformDataFrame([...(panel.transformations ?? [])], framesOf(picture))), panel);
  document.body.style.cssText = `margin:0; width:${width}px; background:${theme.colors.background.canvas}; color:${theme.colors.text.primary}; font:${theme.typography.body.fontWeight} 14px Inter, "Helvetica Neue", Arial, sans-serif`;
  const body = height - 56;
  const options = (panel.options ?? {}) as TableOptions;
  const timeRange: TimeRange = { from: dateTime(picture.fromMs), to: dateTime(picture.toMs), raw: { from: "now-1h", to: "now" } };
  const content =
    panel.type === "table" ? (
      <TableNG data={frames[0]!} width={width - 32} height={body} cellHeight={options.cellHeight} frozenColumns={options.frozenColumns?.left ?? 0} sortBy={options.sortBy ?? []} sortByBehavior="initial" enableVirtualization={false} />
    ) : (
      <TimeSeries frames={frames} width={width - 32} height={body} timeRange={timeRange} timeZone="utc" legend={{ showLegend: true, displayMode: "list" as LegendDisplayMode, placement: "bottom", calcs: [] }} />
    );
  createRoot(document.getElementById("panel")!).render(
    <ThemeContext.Provider value={theme}>
      <section style={{ boxSizing: "border-box", width, height, padding: "12px 16px", background: theme.colors.background.primary, border: `1px solid ${theme.colors.border.weak}` }}>
        <h2 style={{ margin: "0 0 8px", fontSize: 15, fontWeight: 500 }}>{picture.title}</h2>
        <div style={{ height: body, overflow: "hidden" }}>{content}</div>
      </section>
    </ThemeContext.Provider>,
  );
};

/** Frames as Grafana's Prometheus data source makes them. */
function framesOf({ answers, panel }: Picture): DataFrame[] {
  return answers.flatMap(({ refId, table, legend, result }) => {
    if (!table) return result.map((series) => lineOf(series, legend));
    const labels = [...new Set(result.flatMap(({ metric }) => Object.keys(metric)))].sort();
    const value = answers.length > 1 ? `Value #${refId}` : "Value";
    const fields: Field[] = [
      { name: "Time", type: FieldType.time, config: {}, values: result.map((series) => series.value![0] * 1000) },
      ...labels.map((label): Field => ({ name: label, type: FieldType.string, config: {}, values: result.map(({ metric }) => metric[label] ?? "") })),
      { name: value, type: FieldType.number, config: {}, values: result.map((series) => Number(series.value![1])) },
    ];
    return [{ refId, fields, length: result.length, name: panel.title ?? "" }];
  });
}

function lineOf({ metric, values = [] }: Result, legend: string): DataFrame {
  const name = legend.replace(/\{\{(\w+)\}\}/g, (_, label: string) => metric[label] ?? "");
  return {
    name,
    length: values.length,
    fields: [
      { name: "Time", type: FieldType.time, config: {}, values: values.map(([at]) => at * 1000) },
      { name: "Value", type: FieldType.number, labels: metric, config: { displayNameFromDS: name }, values: values.map(([, value]) => Number(value)) },
    ],
  };
}

/** The panel's field configuration with its overrides, and how to show each value by it. */
function configure(frames: DataFrame[], { fieldConfig }: Picture["panel"]): DataFrame[] {
  for (const frame of frames) {
    for (const field of frame.fields) {
      const { defaults, overrides } = structuredClone(fieldConfig!);
      const own = field.config;
      const name = getFieldDisplayName(field, frame, frames);
      // Thresholds of JSON begin with null for -Infinity.
      field.config = { ...defaults, ...own, custom: { ...defaults.custom } } as Field["config"];
      for (const { matcher, properties } of overrides) {
        if (!fieldMatchers.get(matcher.id).get(matcher.options)(field, frame, frames)) continue;
        for (const { id, value } of properties) {
          if (id.startsWith("custom.")) field.config.custom[id.slice("custom.".length)] = value as unknown;
          else Object.assign(field.config, { [id]: value as unknown });
        }
      }
      for (const step of field.config.thresholds?.steps ?? []) step.value ??= -Infinity;
      // Links need Grafana's router.
      delete field.config.links;
      if (field.type === FieldType.string || field.type === FieldType.time) delete field.config.unit;
      field.state = { ...field.state, displayName: field.config.displayName ?? name };
      field.display = getDisplayProcessor({ field, theme });
    }
  }
  return frames;
}
